import { expect, test } from 'vitest';
import { NumericalError } from '../errors.ts';
import { checkScores } from './evaluate.ts';
import { scoreOf } from './logLikelihood.ts';

test('NaN and Infinity are errors, not results', () => {
  for (const logits of [
    [Number.NaN, 1],
    [1, Number.NaN],
    [1, Number.POSITIVE_INFINITY],
    [Number.NaN, Number.NaN],
  ]) {
    expect(() => scoreOf(Float32Array.from(logits), 0)).toThrow(NumericalError);
  }
  expect(() =>
    checkScores([
      { logProbability: -1, greedy: true },
      { logProbability: Number.NaN, greedy: false },
    ]),
  ).toThrow(NumericalError);
  checkScores([{ logProbability: Number.NEGATIVE_INFINITY, greedy: false }]);
  expect(scoreOf(Float32Array.of(0, 0), 1).logProbability).toBeCloseTo(-Math.LN2);
});
