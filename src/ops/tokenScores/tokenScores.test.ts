import { describe, expect, it } from 'vitest';
import { cpuEngines } from '../../../test/engines.ts';
import { integers, noise, opCase, testOp } from '../../../test/opSuite.ts';
import { bytesOf, readFloats } from '../../engine/engine.ts';
import { output, record } from '../../program/record.ts';
import { input, type Tensor } from '../../program/tensor.ts';
import { tokenScores } from './tokenScores.ts';

const cases = [
  [1, 1],
  [1, 5],
  [7, 13],
  [2, 5, 33],
  [3, 700],
].map((shape) => {
  const labels = integers('labels', shape.slice(0, -1), 2, (random) => random.integer(shape.at(-1)!));
  const logits = noise('logits', shape, 1, { spread: 3 });
  return opCase(`[${shape}]`, [logits, labels], (x, l) => [tokenScores(x!, l!)], { differentiate: [] });
});

/** Each row four times, with a label of its own each time; the largest entry stands in it twice. */
const equals = {
  tensor: input('logits', [4, 4]),
  data: Float32Array.from(Array(4).fill([1, 3, 2, 3]).flat()),
};
const each = { tensor: input('labels', [4], 'i32'), data: Int32Array.of(0, 1, 2, 3) };

testOp('tokenScores', [
  ...cases,
  opCase('of equals the first', [equals, each], (x, l) => [tokenScores(x!, l!)], { differentiate: [] }),
  opCase(
    'large logits',
    [noise('logits', [6, 9], 1, { spread: 300 }), integers('labels', [6], 2, (random) => random.integer(9))],
    (x, l) => [tokenScores(x!, l!)],
    { differentiate: [] },
  ),
]);

describe.for(cpuEngines)('on $name', ({ create }) => {
  it('the first two numbers add up to the logarithm in double precision', async () => {
    const logits = noise('logits', [5, 1000], 1, { spread: 4 });
    const labels = integers('labels', [5], 2, (random) => random.integer(1000));
    let scores: Tensor | undefined;
    const program = record('scores', () => {
      scores = output(tokenScores(logits.tensor, labels.tensor));
    });
    const engine = await create();
    try {
      engine.write(logits.tensor, bytesOf(logits.data));
      engine.write(labels.tensor, bytesOf(labels.data));
      await engine.load(program).run();
      const found = await readFloats(engine, scores!);
      for (const [row, label] of labels.data.entries()) {
        const values = [...logits.data.subarray(1000 * row, 1000 * (row + 1))];
        const total = Math.log(values.reduce((sum, x) => sum + Math.exp(x), 0));
        expect(found[3 * row]! + found[3 * row + 1]!).toBeCloseTo(values[label]! - total, 12);
      }
    } finally {
      await engine.dispose();
    }
  });
});
