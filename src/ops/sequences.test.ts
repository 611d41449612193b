import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpuEngines, gpuEngines, isOnGpu } from '../../test/engines.ts';
import { noise } from '../../test/opSuite.ts';
import { bytesOf, type Engine, readFloats } from '../engine/engine.ts';
import { assign, output, record } from '../program/record.ts';
import { input, type Tensor, variable } from '../program/tensor.ts';
import { lastToken } from './lastToken/lastToken.ts';
import { mlgru } from './mlgru/mlgru.ts';
import { batch, type Sequences } from './sequences.ts';
import { tokenShift } from './tokenShift/tokenShift.ts';
import { stateRows, wkv } from './wkv/wkv.ts';

const [count, width] = [3, 21];
const mix = noise('mix', [width], 3, { mean: 0.5, spread: 0.3 });
const decay = noise('decay', [width], 4, { mean: -1 });
const bonus = noise('bonus', [width], 5);
const rows = [0, 1, 2].map((slot) => noise(`x ${slot}`, [1, 6, width], 10 + slot).data);

/** What every recurrence makes of x, and its next states in the order of `states`. */
function recurrences(x: Tensor, layout: Sequences, [hidden, sums, tokens]: readonly (Tensor | undefined)[]) {
  const gated = mlgru(x, x, { layout, state: hidden, bounds: undefined, layer: 0 });
  const meaned = wkv(x, x, { decay: decay.tensor, bonus: bonus.tensor, layout, state: sums });
  const shifted = tokenShift(x, mix.tensor, { layout, before: tokens });
  return {
    results: [gated.h, meaned.y, shifted],
    next: [gated.next, meaned.next, lastToken(x, { layout, before: tokens })],
  };
}

/** Each result of the given sequence, read alone. */
async function readAlone(engine: Engine, slot: number, length: number): Promise<number[][]> {
  const x = input('x', [1, length, width]);
  engine.write(x, bytesOf(rows[slot]!.slice(0, length * width)));
  let results: Tensor[] = [];
  const program = record('alone', () => {
    results = recurrences(x, batch, []).results.map(output);
  });
  await engine.load(program).run();
  return Promise.all(results.map(async (result) => [...(await readFloats(engine, result))]));
}

/** Reads rows [from, to) of each named slot, in one program that leaves the next states in place. */
async function readTogether(
  engine: Engine,
  states: readonly Tensor[],
  parts: readonly (readonly [slot: number, from: number, to: number])[],
): Promise<number[][]> {
  const slots = parts.flatMap(([slot, from, to]) => Array.from({ length: to - from }, () => slot));
  const x = input('x', [1, slots.length, width]);
  const named = input('slots', [slots.length], 'i32');
  const data = parts.flatMap(([slot, from, to]) => [...rows[slot]!.slice(from * width, to * width)]);
  engine.write(x, bytesOf(Float32Array.from(data)));
  engine.write(named, bytesOf(Int32Array.from(slots)));
  let results: Tensor[] = [];
  const program = record('together', () => {
    const found = recurrences(x, { kind: 'slots', slots: named }, states);
    found.next.forEach((state, index) => {
      assign(states[index]!, state);
    });
    results = found.results.map(output);
  });
  await engine.load(program).run();
  return Promise.all(results.map(async (result) => [...(await readFloats(engine, result))]));
}

describe.each([...cpuEngines, ...gpuEngines])('sequences in slots on $name', ({ name, skip, create }) => {
  let engine: Engine;
  beforeAll(async () => {
    if (skip) return;
    engine = await create();
    for (const { tensor, data } of [mix, decay, bonus]) engine.write(tensor, bytesOf(data));
  });
  afterAll(() => engine?.dispose());

  it.skipIf(skip)('give what each gives alone, in whichever steps its tokens come', async () => {
    const states = [
      variable('hidden', [count, width]),
      variable('sums', [count, stateRows * width]),
      variable('tokens', [count, 1, width]),
    ];
    for (const state of states) engine.write(state, bytesOf(new Float32Array(state.size)));
    const first = await readTogether(engine, states, [
      [2, 0, 3],
      [0, 0, 1],
    ]);
    const second = await readTogether(engine, states, [
      [0, 1, 6],
      [1, 0, 2],
      [2, 3, 4],
    ]);
    for (const [slot, length] of [6, 2, 4].entries()) {
      const alone = await readAlone(engine, slot, length);
      for (const [index, expected] of alone.entries()) {
        const rowsOf = (step: number[][], from: number, to: number) =>
          step[index]!.slice(from * width, to * width);
        const found = [
          [...rowsOf(first, 3, 4), ...rowsOf(second, 0, 5)],
          rowsOf(second, 5, 7),
          [...rowsOf(first, 0, 3), ...rowsOf(second, 7, 8)],
        ][slot]!;
        if (isOnGpu(name)) expectNear(found, expected);
        else expect(found, `slot ${slot}, result ${index}`).toEqual(expected);
      }
    }
  });
});

describe('the slot form of an op', () => {
  const x = input('x', [1, 2, width]);
  const layout: Sequences = { kind: 'slots', slots: input('slots', [2], 'i32') };

  it('needs the states of all slots', () => {
    expect(() => lastToken(x, { layout })).toThrow('lastToken: found no states, expected those of all slots');
    const missing = { layout, state: undefined, bounds: undefined, layer: 0 };
    expect(() => mlgru(x, x, missing)).toThrow('mlgru: found no states');
  });

  it('refuses slots and states of other shapes', () => {
    const short: Sequences = { kind: 'slots', slots: input('slots', [1], 'i32') };
    const before = input('tokens', [3, 1, width]);
    expect(() => tokenShift(x, mix.tensor, { layout: short, before })).toThrow('should have shape [2]');
    const state = input('sums', [3, width]);
    const options = { decay: decay.tensor, bonus: bonus.tensor, layout, state };
    expect(() => wkv(x, x, options)).toThrow(`should have shape [3, ${3 * width}]`);
  });
});

/** Compilers of shaders may contract products and sums as they like. */
function expectNear(found: readonly number[], expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  found.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 5);
  });
}
