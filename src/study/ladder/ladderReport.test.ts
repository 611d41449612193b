import { expect, it } from 'vitest';
import { matmulFree, transformer } from '../families.ts';
import type { GridRow } from './ladder.ts';
import { ladderReport } from './ladderReport.ts';
import { type LossLaw, lossAt } from './lossLaw.ts';

/** The first family needs twice the parameters for the loss of the second. */
const second: LossLaw = { irreducible: 1.5, a: 100, alpha: 0.3, b: 200, beta: 0.3 };
const first: LossLaw = { ...second, a: second.a * 2 ** second.alpha };

const plan = {
  rungs: [
    { layers: 1, hiddenSize: 8 },
    { layers: 2, hiddenSize: 8 },
    { layers: 4, hiddenSize: 8 },
    { layers: 8, hiddenSize: 8 },
  ],
  ...{ searched: [0, 1] as const, tokens: [1e7, 2e7, 4e7], seeds: 2, vocabulary: 9, batch: 1, length: 8 },
};

function rowsOf(family: string, law: LossLaw): GridRow[] {
  const row = (place: number, tokens: number, seed: number, factor = 1): GridRow => {
    const parameters = 1e6 * 2 ** place;
    const outcome = { loss: factor * lossAt(law, parameters, tokens), tokens, seconds: 1, curve: [] };
    const rung = plan.rungs[place]!;
    return { family, rung, parameters, flops: 1, learningRate: 1e-3, seed, search: false, outcome };
  };
  return [
    ...plan.rungs.flatMap((_, place) => plan.tokens.map((tokens) => row(place, tokens, 1))),
    row(0, 1e7, 2, 1.001),
    row(3, 4e7, 1, 1.5), // a worse run of a cell does not count
  ];
}

it('says what equal loss takes: the ratio of the laws that made the losses', () => {
  const rows = [...rowsOf('matmul-free', first), ...rowsOf('transformer', second)];
  const corpus = { folder: '', tokens: 5e7, vocabulary: 9 };
  const report = ladderReport({ plan, corpus, families: [matmulFree, transformer], rows, rates: [] });
  const { equal, noise } = report.data as {
    noise: number;
    equal: { parameters: number; times: { value: number; low: number; high: number }; bytes: number }[];
  };
  // Twice the largest size was not trained.
  expect(new Set(equal.map(({ parameters }) => parameters))).toEqual(new Set([1e6, 2e6, 4e6]));
  for (const { times, bytes } of equal) {
    expect(times.value).toBeCloseTo(2, 1);
    expect(times.low).toBeLessThanOrEqual(times.value);
    expect(times.high).toBeGreaterThanOrEqual(times.value);
    expect(bytes).toBeCloseTo((times.value * 2) / 16, 9);
  }
  expect(noise).toBeCloseTo(Math.log(1.001) / Math.SQRT2, 6);
  expect(report.tables[0]!.rows[0]!.slice(0, 3)).toEqual([
    '1.0 M',
    'MatMul-free',
    expect.stringContaining('±'),
  ]);
});

it('has no law while there are few runs', () => {
  const rows = rowsOf('matmul-free', first).slice(0, 3);
  const corpus = { folder: '', tokens: 5e7, vocabulary: 9 };
  const report = ladderReport({ plan, corpus, families: [matmulFree, transformer], rows, rates: [] });
  expect((report.data as { laws: unknown[] }).laws).toEqual([]);
  expect(report.figures[0]!.svg).toContain('<svg');
});
