import { expect, it } from 'vitest';
import { architectureOf } from '../../model/architecture.ts';
import { type Family, matmulFree, transformer } from '../families.ts';
import { inferenceWeights } from '../inferenceWeights.ts';
import { matrixParameters } from '../scaling/flops.ts';
import { shapeOf } from '../scaling/ladder.ts';
import { cellsOf, type GridPlan, type GridRow } from './grid.ts';
import type { EqualLoss } from './headline.ts';
import { ladderReport } from './ladderReport.ts';
import { type LossLaw, lossAt } from './lossLaw.ts';
import type { Noise } from './noise.ts';

/** The first family needs twice the parameters for the loss of the second. */
const second: LossLaw = { irreducible: 1.5, a: 100, alpha: 0.3, b: 200, beta: 0.3 };
const first: LossLaw = { ...second, a: second.a * 2 ** second.alpha };

const plan: GridPlan = {
  rungs: [1, 2, 4, 8].map((layers) => ({ layers, hiddenSize: 64 })),
  ...{ searched: [0, 1], tokens: [1e7, 2e7, 4e7], seeds: 2, vocabulary: 64, batch: 1, length: 8 },
};
const corpus = { folder: '', tokens: 5e7, vocabulary: plan.vocabulary };
const configOf = (family: Family, place: number) =>
  family.config(shapeOf(plan.rungs[place]!, plan.vocabulary));

function rowsOf(family: Family, law: LossLaw): GridRow[] {
  const row = (place: number, tokens: number, seed: number, factor = 1, search = false): GridRow => {
    const parameters = matrixParameters(configOf(family, place));
    const outcome = { loss: factor * lossAt(law, parameters, tokens), tokens, seconds: 1, curve: [] };
    const rung = plan.rungs[place]!;
    const learningRate = search ? 2e-3 : 1e-3;
    return { family: family.name, rung, parameters, flops: 1, learningRate, seed, search, outcome };
  };
  return [
    ...plan.rungs.flatMap((_, place) => plan.tokens.map((tokens) => row(place, tokens, 1))),
    row(0, 1e7, 2, 1.001),
    row(3, 4e7, 1, 1.5), // a worse run of a cell does not count
    row(1, 2e7, 1, 1.02, true), // a rate of the search that the rule's beats
  ];
}

function reportOf(rows: readonly GridRow[]) {
  const report = ladderReport({ plan, corpus, families: [matmulFree, transformer], rows, rates: [] });
  return { ...report, data: report.data as { equal: EqualLoss[]; noise: Noise; laws: unknown[] } };
}

it('says what equal loss takes: the ratio of the laws that made the losses', () => {
  const { data, tables } = reportOf([...rowsOf(matmulFree, first), ...rowsOf(transformer, second)]);
  const sizes = [0, 1].map((place) => matrixParameters(configOf(transformer, place)));
  // Twice the third size is more than was trained.
  expect(new Set(data.equal.map(({ parameters }) => parameters))).toEqual(new Set(sizes));
  for (const { times, operations } of data.equal) {
    expect(times.value).toBeCloseTo(2, 1);
    expect(times.low).toBeLessThanOrEqual(times.value);
    expect(times.high).toBeGreaterThanOrEqual(times.value);
    // Attention takes operations beside those of weights.
    expect(operations).toBeLessThan(times.value);
    expect(operations).toBeGreaterThan(0.9 * times.value);
  }
  expect(data.noise.seeds).toBeCloseTo(Math.log(1.001) / Math.SQRT2, 6);
  expect(data.noise.rates).toBe(0);
  expect(tables[0]!.rows[0]!.slice(1, 3)).toEqual(['MatMul-free', expect.stringContaining('±')]);
});

it('compares what the weights of both families have at the same size, where one law fits both', () => {
  const { data } = reportOf([...rowsOf(matmulFree, second), ...rowsOf(transformer, second)]);
  const bytes = (family: Family, place: number) =>
    inferenceWeights(architectureOf(configOf(family, place)).parameters())
      .all()
      .reduce((sum, tensor) => sum + tensor.bytes, 0);
  const smallest = data.equal.find(
    ({ parameters }) => parameters === matrixParameters(configOf(transformer, 0)),
  )!;
  expect(smallest.times.value).toBeCloseTo(1, 6);
  expect(smallest.bytes).toBeCloseTo(bytes(matmulFree, 0) / bytes(transformer, 0), 6);
  expect(smallest.joules).toBeLessThan(1);
});

it('says what was not trained, and has no law while there are few runs', () => {
  const { data, text, figures } = reportOf(rowsOf(matmulFree, first).slice(0, 3));
  expect(data.laws).toEqual([]);
  expect(figures[0]!.svg).toContain('<svg');
  expect(text.at(-1)).toBe('Unfinished: 25 of 28 cells of the grid are not trained.');
  const all = [...rowsOf(matmulFree, first), ...rowsOf(transformer, second)];
  expect(reportOf(all).text.at(-1)).toBe(
    'Unfinished: 2 of 28 cells of the grid are not trained: ' +
      'MatMul-free 2 × 64 with 10.0 M tokens and seed 2; Transformer++ 2 × 64 with 10.0 M tokens and seed 2.',
  );
});

it('trains the cheapest cells first, each with all families and seeds', () => {
  const cells = cellsOf(plan, [matmulFree, transformer], 5);
  expect(cells.slice(0, 4).map(({ family, seed }) => `${family.name} ${seed}`)).toEqual([
    'matmul-free 5',
    'transformer 5',
    'matmul-free 6',
    'transformer 6',
  ]);
  expect(cells.at(-1)).toMatchObject({ rung: plan.rungs[3], tokens: 4e7 });
  expect(cells).toHaveLength(2 * (4 * 3 + 2));
});
