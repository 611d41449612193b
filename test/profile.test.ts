/** A profiled run does what a run does, and times each kernel. */
import { describe, expect, it } from 'vitest';
import { readFloats } from '../src/engine/engine.ts';
import { createEngine, type EngineChoice } from '../src/engine/engines.ts';
import { add } from '../src/ops/add/add.ts';
import { fill } from '../src/ops/fill/fill.ts';
import { assign, output, record } from '../src/program/record.ts';
import { type Tensor, variable } from '../src/program/tensor.ts';

const cases: readonly (readonly [EngineChoice, number, readonly string[]])[] = [
  ['reference', 0, ['fill', 'add', 'add']],
  ['cpu', 0, ['fillForward', 'addForward', 'addForward']],
  ['cpu', 1, ['fillForward', 'addForward', 'addForward']],
  ['cpu', 2, ['fillForward', 'addForward', 'addForward']],
];

describe.each(cases)('a profile on %s, %i threads', (choice, threads, kernels) => {
  it('times each kernel of a run', async () => {
    const engine = await createEngine(choice, { threads });
    const total = variable('total', [1000]);
    let sum: Tensor | undefined;
    const program = record('a sum', () => {
      const ones = fill([1000], 1);
      sum = output(add(ones, ones));
      assign(total, add(sum, total));
    });
    const executable = engine.load(program);
    for (const expected of [2, 4]) {
      const times = await executable.profile();
      expect(times.map(({ kernel }) => kernel)).toEqual(kernels);
      for (const { milliseconds } of times) expect(milliseconds).toBeGreaterThanOrEqual(0);
      expect(await readFloats(engine, sum!)).toEqual(new Float32Array(1000).fill(2));
      expect(await readFloats(engine, total)).toEqual(new Float32Array(1000).fill(expected));
    }
    await engine.dispose();
  });
});
