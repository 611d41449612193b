import { describe, expect, it } from 'vitest';
import { bestOf, nextRate, optimumOf, rateFor, rateRule, type Trial } from './rates.ts';

/** Losses of a valley whose lowest point is at `best`. */
const valley = (best: number, rates: readonly number[], depth = 0.05): Trial[] =>
  rates.map((rate) => ({ rate, loss: 3 + depth * Math.log(rate / best) ** 2 }));

describe('the search for a learning rate', () => {
  it('continues beyond an edge of the grid, and ends inside', () => {
    expect(nextRate(valley(1e-2, [4e-3, 8e-3, 16e-3]), 3)).toBeUndefined();
    expect(nextRate(valley(1e-3, [4e-3, 8e-3, 16e-3]), 3)).toBe(2e-3);
    expect(nextRate(valley(1e-1, [16e-3, 4e-3, 8e-3]), 3)).toBe(32e-3);
    expect(nextRate(valley(9, [0.25, 0.5, 1]), 3)).toBeUndefined(); // no rate above 1
    expect(
      nextRate(
        valley(
          1e-9,
          [1, 2, 3, 4, 5, 6].map((k) => 2 ** -k),
        ),
        3,
      ),
    ).toBeUndefined();
    const diverged = [4e-3, 8e-3, 16e-3].map((rate) => ({ rate, loss: Number.POSITIVE_INFINITY }));
    expect(nextRate(diverged, 3)).toBe(2e-3);
  });

  it('finds the lowest point between the rates that were tried', () => {
    for (const best of [6e-3, 8e-3, 1.1e-2]) {
      const trials = valley(best, [16e-3, 4e-3, 8e-3]);
      expect(optimumOf(trials) / best).toBeCloseTo(1, 6);
    }
    // Steps need not be equal.
    expect(optimumOf(valley(5e-3, [1e-3, 4e-3, 9e-3])) / 5e-3).toBeCloseTo(1, 6);
  });

  it('takes the best rate tried where a neighbour is missing or diverged', () => {
    const trials = [...valley(1e-2, [4e-3, 8e-3]), { rate: 16e-3, loss: Number.POSITIVE_INFINITY }];
    expect(optimumOf(trials)).toBe(8e-3);
    expect(optimumOf(valley(1, [4e-3, 8e-3]))).toBe(8e-3);
    expect(bestOf(trials).rate).toBe(8e-3);
  });
});

describe('rates by size', () => {
  it('go through both optima', () => {
    const rule = rateRule({ width: 100, rate: 1e-2 }, { width: 200, rate: 7e-3 });
    expect(rateFor(rule, 100)).toBeCloseTo(1e-2, 10);
    expect(rateFor(rule, 200)).toBeCloseTo(7e-3, 10);
    expect(rateFor(rule, 400)).toBeCloseTo(4.9e-3, 10);
  });

  it('fall no faster than 1/width, and never rise', () => {
    const steep = rateRule({ width: 100, rate: 1e-2 }, { width: 200, rate: 1e-3 });
    expect(rateFor(steep, 400) / rateFor(steep, 100)).toBeCloseTo(1 / 4, 10);
    const rising = rateRule({ width: 100, rate: 1e-2 }, { width: 200, rate: 4e-2 });
    expect(rateFor(rising, 100)).toBeCloseTo(2e-2, 10);
    expect(rateFor(rising, 1000)).toBeCloseTo(2e-2, 10);
    expect(rateFor(rateRule({ width: 100, rate: 1e-2 }, undefined), 300)).toBe(1e-2);
  });
});
