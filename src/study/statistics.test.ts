import { describe, expect, it } from 'vitest';
import { differenceOf } from './arms/armReport.ts';
import { type Arm, type ArmRow, bestRows, compareArms } from './arms/arms.ts';
import { lossByPosition } from './measureTokens.ts';
import { estimateOf, formatEstimate } from './statistics.ts';

describe('an estimate', () => {
  it("has Student's interval, and none for one value", () => {
    // Mean 2, deviation 1, three values: 4.303 · 1 / √3.
    const { mean, halfWidth, count } = estimateOf([1, 2, 3]);
    expect([mean, count]).toEqual([2, 3]);
    expect(halfWidth).toBeCloseTo(4.303 / Math.sqrt(3), 12);
    expect(formatEstimate(estimateOf([1, 2, 3]), 2)).toBe('2.00 ± 2.48');
    expect(formatEstimate(estimateOf([1.5]), 2)).toBe('1.50');
    expect(() => estimateOf([])).toThrow('found no values');
  });
});

describe('a comparison of arms', () => {
  const arm = (name: string, best: number): Arm & { readonly best: number } => ({
    ...{ name, label: name, color: '#000', rates: [0.01, 0.02, 0.04], best },
    config: () => {
      throw new Error('not needed');
    },
  });
  const arms = [arm('a', 0.08), arm('b', 0.02)];

  it('searches beyond the edge, then trains the other seeds at the best rate', async () => {
    let rows: readonly ArmRow[] = [];
    const run = async ({ name }: Arm, rate: number, seed: number) => {
      const { best } = arms.find((one) => one.name === name)!;
      const loss = 3 + Math.abs(Math.log2(rate / best)) + seed / 100 + (name === 'b' ? 0.5 : 0);
      return { loss, tokens: 1, seconds: 1, curve: [] };
    };
    await compareArms(arms, [1, 2, 3], run, async (all) => {
      rows = all;
    });
    const tried = (name: string, seed: number) =>
      rows.filter((row) => row.arm === name && row.seed === seed).map(({ learningRate }) => learningRate);
    expect(tried('a', 1)).toEqual([0.01, 0.02, 0.04, 0.08, 0.16]);
    expect(tried('a', 3)).toEqual([0.08]);
    expect(tried('b', 1)).toEqual([0.01, 0.02, 0.04]);
    expect(bestRows(rows, 'b').map(({ seed }) => seed)).toEqual([1, 2, 3]);
    expect(differenceOf(rows, 'b', 'a')!.mean).toBeCloseTo(0.5, 9);
    expect(differenceOf(rows, 'b', 'a')!.halfWidth).toBeCloseTo(0, 9); // seed by seed they differ by the same
  });
});

it('losses are averaged over positions that double', () => {
  const scores = [0, 1, 2, 3, 4].map((position) => ({
    window: 0,
    position,
    logProbability: -position,
    greedy: false,
  }));
  expect(lossByPosition(scores)).toEqual([
    { from: 0, end: 1, loss: 0, tokens: 1 },
    { from: 1, end: 2, loss: 1, tokens: 1 },
    { from: 2, end: 4, loss: 2.5, tokens: 2 },
    { from: 4, end: 8, loss: 4, tokens: 1 },
  ]);
});
