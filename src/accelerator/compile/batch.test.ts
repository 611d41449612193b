import { describe, expect, it } from 'vitest';
import { golden } from '../../../test/smallModel.ts';
import { Cluster } from '../cluster.ts';
import { runProgram } from '../functional.ts';
import type { Host, Tokens } from '../host.ts';
import { Machine } from '../machine.ts';
import { burstBytes, ddr4, defaultSizes, type MachineSizes } from '../parameters.ts';
import type { CompileOptions } from './compile.ts';
import { compileModel } from './model.ts';

const sizesOf = (batch: number): MachineSizes => ({ ...defaultSizes, maxLength: 256, batch });

/** Runs a model over steps of tokens. */
async function run(steps: readonly Tokens[], batch: number, mode: CompileOptions['mode'] = 'decode') {
  const sizes = sizesOf(batch);
  const compiled = await compileModel(golden, { sizes, mode });
  const machine = new Machine(sizes, compiled.image());
  const outputs: number[][] = Array.from({ length: batch }, () => []);
  let given = 0;
  const host: Host = {
    next: () => steps[given++] ?? 'end',
    take: (token, slot) => outputs[slot]!.push(token),
  };
  expect(runProgram(machine, compiled.program, host)).toMatchObject({ code: 0 });
  return { outputs, compiled, memory: machine.memory };
}

/** Each layer's states of one sequence. */
function statesOf({ compiled, memory }: Awaited<ReturnType<typeof run>>, slot: number, slots: number) {
  const regions = compiled.regions.filter(
    ({ address }) =>
      address >= compiled.states.address && address < compiled.states.address + compiled.states.beats,
  );
  return regions.map(({ address, beats }) => {
    const start = (address + (slot * beats) / slots) * burstBytes;
    return memory.slice(start, start + (beats / slots) * burstBytes);
  });
}

const texts = [
  [1, 5, 17, 9, 2],
  [3, 3, 60, 4, 8],
  [20, 7, 11, 30, 1],
];

describe('sequences that share one reading of the weights', () => {
  it('come out as each does alone, states included', async () => {
    const steps = texts[0]!.map((_, t) => texts.map((text) => text[t]));
    const together = await run(steps, texts.length);
    for (const [slot, text] of texts.entries()) {
      const alone = await run(
        text.map((token) => [token]),
        1,
      );
      expect(together.outputs[slot]).toEqual(alone.outputs[0]);
      expect(statesOf(together, slot, texts.length)).toEqual(statesOf(alone, 0, 1));
    }
  });

  it('keep their states while they have no token', async () => {
    const [first, second] = texts as [number[], number[]];
    // The second sequence pauses after two tokens.
    const steps = first.map((token, t) => [token, t < 2 ? second[t] : undefined]);
    const together = await run(steps, 2);
    const alone = await run(
      second.slice(0, 2).map((token) => [token]),
      1,
    );
    expect(statesOf(together, 1, 2)).toEqual(statesOf(alone, 0, 1));
  });
});

describe('prefill', () => {
  const prompt = [1, 5, 17, 9, 2, 3, 60, 4, 8, 11];

  it.each([1, 3, 4, 16])('of %i tokens at a time leaves the states that decoding leaves', async (batch) => {
    // The first step is filled up in front.
    const padding = (batch - (prompt.length % batch)) % batch;
    const all = [...new Array<undefined>(padding).fill(undefined), ...prompt];
    const steps = Array.from({ length: all.length / batch }, (_, step) =>
      all.slice(step * batch, (step + 1) * batch),
    );
    const filled = await run(steps, batch, 'prefill');
    const decoded = await run(
      prompt.map((token) => [token]),
      1,
    );
    expect(statesOf(filled, 0, 1)).toEqual(statesOf(decoded, 0, 1));
    expect(filled.outputs.flat()).toEqual([]);
  });

  it('leaves the head out', async () => {
    const sizes = sizesOf(4);
    const [whole, prefill] = await Promise.all([
      compileModel(golden, { sizes }),
      compileModel(golden, { sizes, mode: 'prefill' }),
    ]);
    expect(whole.streamBeats - prefill.streamBeats).toBe(
      Math.ceil(whole.vocabulary / 16) * Math.ceil(whole.config.hiddenSize / 16),
    );
  });

  it('reads the weights once for all tokens of a step', async () => {
    const cycles = async (batch: number) => {
      const sizes = sizesOf(batch);
      const { program, beats } = await compileModel(golden, { sizes, mode: 'prefill' });
      const steps = [Array.from({ length: batch }, (_, slot) => slot)];
      const host: Host = { next: () => steps.pop() ?? 'end', take: () => {} };
      const cluster = new Cluster({ sizes, timing: ddr4(200e6, 1, 1), program, memory: { beats }, host });
      expect(cluster.run(1e6)?.code).toBe(0);
      return cluster.statistics;
    };
    const [one, eight] = [await cycles(1), await cycles(8)];
    expect(eight.weightBeats).toBe(one.weightBeats);
    expect(eight.cycles / 8).toBeLessThan(one.cycles / 2);
  });
});
