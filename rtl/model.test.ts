import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { blockConfig } from '../src/accelerator/blockTime.ts';
import { compileModel } from '../src/accelerator/compile/model.ts';
import { ddr4 } from '../src/accelerator/parameters.ts';
import { randomCheckpoint } from '../src/checkpoint/random.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { golden } from '../test/smallModel.ts';
import type { RtlSizes } from './bench/bench.ts';
import { compareWithSimulator, type NamedJob } from './bench/compare.ts';
import { awkward, chip, ordinary, trits } from './bench/machines.ts';
import { describeWithVerilator } from './bench/tools.ts';

async function modelJob(
  folder: string,
  sizes: RtlSizes,
  tokens: readonly number[],
  generate: number,
): Promise<NamedJob> {
  const compiled = await compileModel(folder, { sizes });
  const timing = ddr4(60e6, 4, sizes.cores);
  const { program } = compiled;
  return { name: folder, program, memory: compiled.image(), tokens, generate, timing, maxCycles: 5e6 };
}

describeWithVerilator('compiled models run on the RTL as on the simulator', { timeout: 600_000 }, () => {
  it.each([
    { name: 'one core', sizes: ordinary, tokens: [1, 5, 17] },
    { name: 'three cores, two sequences', sizes: awkward, tokens: [1, 4, 5, 11, 17, 2] },
    { name: 'words of four elements, as on an ECP5', sizes: chip, tokens: [1, 5, 17] },
    { name: 'five trits a byte, two sequences', sizes: trits, tokens: [1, 4, 5, 11, 17, 2] },
  ])('a whole tiny model, 32 generated tokens, $name', async ({ sizes, tokens }) => {
    const job = await modelJob(golden, sizes, tokens, 32);
    const { halts, outputs } = await compareWithSimulator(sizes, [job]);
    expect(halts).toEqual(new Map([[0, 1]]));
    // One token comes out for each that is read: of the prompts', only those of the last step are generated.
    expect(outputs[0]!.slice(tokens.length - sizes.batch)).toHaveLength(32 * sizes.batch);
    for (let slot = 0; slot < sizes.batch; slot++) {
      expect(new Set(outputs[0]!.filter((_, i) => i % sizes.batch === slot)).size).toBeGreaterThan(1);
    }
  });

  it('a prefill, two tokens of a prompt at a time, the first slot of the first step empty', async () => {
    const { program, image } = await compileModel(golden, { sizes: awkward, mode: 'prefill' });
    const timing = ddr4(200e6, 1, awkward.cores);
    const job = { program, memory: image(), tokens: [-1, 1, 5, 17, 9, 2], timing, maxCycles: 5e6 };
    const { halts, outputs } = await compareWithSimulator(awkward, [{ name: 'prefill', ...job }]);
    expect(halts).toEqual(new Map([[0, 1]]));
    expect(outputs).toEqual([[]]);
  });

  it('a block of width 512', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'plusminus-block-'));
    try {
      const folder = join(parent, 'model');
      const config = { ...blockConfig(512), layers: 1 };
      await randomCheckpoint(folder, config, architectureOf(config).parameters(), { seed: 5 });
      const { halts, cycles } = await compareWithSimulator(ordinary, [
        await modelJob(folder, ordinary, [3], 2),
      ]);
      expect(halts).toEqual(new Map([[0, 1]]));
      // 12 · 512² weights, 256 a cycle, for each of two tokens, and little else.
      const minCycles = (2 * 12 * 512 * 512) / 256;
      expect(cycles).toBeGreaterThan(minCycles);
      expect(cycles).toBeLessThan(minCycles * 1.5);
    } finally {
      await rm(parent, { recursive: true, force: true });
    }
  });
});
