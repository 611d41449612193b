/** Memory that answers when it likes, and resets while it still has to answer. */
import { expect, it } from 'vitest';
import { assemble } from '../src/accelerator/assembler.ts';
import { randomSlots, randomTiming, xorshift } from '../src/accelerator/testing.ts';
import { compareWithSimulator, type NamedJob } from './bench/compare.ts';
import { awkward, inEverySlot } from './bench/machines.ts';
import { describeWithVerilator } from './bench/tools.ts';

/** Reads through every port and writes nothing to memory, so that a second run finds what the first did. */
const program = assemble(`
token:
  tin done
  wst 0, 0, beats=34
  wst 1, 40, beats=34
  wst 2, 80, beats=17
  ldh v0, 0, left=3, len=272
  lde v1, 16, left=1, len=256
  ldv v2, 60, len=272
  add v3, v0, v1, len=272, max=s1
  qnt q0, v3, scale=s0, len=272
  tmv q0, to=v4, rows=80, cols=272, arg, first
  tout
  jmp token
done:
  halt
`);

function memoryOf(seed: number): Uint8Array {
  const below = xorshift(seed);
  return Uint8Array.from({ length: 128 * 64 }, () => below(256));
}

function job(name: string, seed: number, more: Partial<NamedJob>): NamedJob {
  const timing = { ...randomTiming(seed, awkward.cores), ...more.timing };
  const tokens = inEverySlot([1, 3, 2], awkward);
  const common = { name, program, memory: memoryOf(seed), tokens, maxCycles: 100_000 };
  return { ...common, ...more, timing };
}

describeWithVerilator('memory', { timeout: 600_000 }, () => {
  it('may answer after any number of cycles, on every port', async () => {
    const jobs = [0, 1, 2, 3, 7, 40, 199, 1000].flatMap((jitter) =>
      [1, 2, 3, 4].map((seed) => {
        const timing = { ...randomSlots(seed, awkward.cores), jitter };
        return job(`jitter ${jitter}, seed ${seed}`, seed, { timing });
      }),
    );
    const { halts } = await compareWithSimulator(awkward, jobs);
    expect(halts).toEqual(new Map([[0, jobs.length]]));
  });

  it('may still answer reads from before a reset of any length, in any cycle', async () => {
    const jobs = [1, 2, 4, 12, 13, 60].flatMap((cycles) =>
      [0, 1, 9, 20, 33, 47, 70, 150, 260].map((at) => {
        const seed = 1 + cycles + at;
        return job(`reset in cycle ${at} for ${cycles}`, seed, { reset: { at, cycles } });
      }),
    );
    const { halts } = await compareWithSimulator(awkward, jobs);
    expect(halts).toEqual(new Map([[0, jobs.length]]));
  });
});
