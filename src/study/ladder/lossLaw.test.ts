import { expect, it } from 'vitest';
import { SeededRandom } from '../../text/seededRandom.ts';
import { fitLossLaw, type LossLaw, lossAt, parametersFor } from './lossLaw.ts';

const law: LossLaw = { irreducible: 1.7, a: 400, alpha: 0.34, b: 410, beta: 0.28 };
const grid = [1.2e6, 5e6, 1e7, 2e7, 4e7].flatMap((parameters) =>
  [1.6e7, 3.3e7, 6.6e7].map((tokens) => ({ parameters, tokens, loss: lossAt(law, parameters, tokens) })),
);

it('finds the law that made the losses', () => {
  const found = fitLossLaw(grid);
  for (const { parameters, tokens, loss } of grid) {
    expect(lossAt(found, parameters, tokens)).toBeCloseTo(loss, 3);
  }
  // Exponents and E trade within the data's range, so far predictions are the test of them.
  expect(lossAt(found, 4e8, 6.6e8) / lossAt(law, 4e8, 6.6e8)).toBeCloseTo(1, 2);
});

it('is not bent by one run that went wrong, and stays near under noise', () => {
  const random = new SeededRandom(7);
  const noisy = grid.map((run) => ({ ...run, loss: run.loss * (1 + 4e-4 * random.normal()) }));
  const broken = noisy.map((run, k) => (k === 8 ? { ...run, loss: run.loss * 1.2 } : run));
  const found = fitLossLaw(broken);
  for (const { parameters, tokens, loss } of grid) {
    expect(Math.abs(lossAt(found, parameters, tokens) / loss - 1)).toBeLessThan(5e-3);
  }
});

it('has no coefficient below zero: a loss that tokens do not lower has none for them', () => {
  const rising = grid.map((run) => ({ ...run, loss: 2 + 100 * run.parameters ** -0.3 + run.tokens / 1e9 }));
  const found = fitLossLaw(rising);
  expect(Math.min(found.irreducible, found.a, found.b)).toBeGreaterThanOrEqual(0);
});

it('says with how many parameters a loss is reached, or that none suffice', () => {
  expect(parametersFor(law, lossAt(law, 1e7, 3e7), 3e7)).toBeCloseTo(1e7, 0);
  expect(parametersFor(law, 1.7, 3e7)).toBeUndefined();
});
