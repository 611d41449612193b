import fc from 'fast-check';
import { expect, it } from 'vitest';
import { exponentials } from './exponential.ts';

fc.configureGlobal({ seed: 1 });

function exponential(x: number): number {
  const values = Float64Array.of(7, x, 7);
  exponentials(values, Uint32Array.of(1));
  expect([values[0], values[2]]).toEqual([7, 7]);
  return values[1]!;
}

it('exponential agrees with Math.exp', () => {
  const check = (x: number) => {
    expect(Math.abs(exponential(x) / Math.exp(x) - 1)).toBeLessThan(5e-16);
  };
  fc.assert(fc.property(fc.double({ min: -708, max: 0, noNaN: true }), check), { numRuns: 3000 });
  for (let k = 0; k < 1000; k++) check((-k * Math.LN2) / 2);
});

it('exponential ends at 1 and 0', () => {
  expect(exponential(0)).toBe(1);
  expect(exponential(-709)).toBe(0);
  expect(exponential(Number.NEGATIVE_INFINITY)).toBe(0);
});

it('takes all values by default, and returns their sum', () => {
  const values = Float64Array.of(-1, Number.NEGATIVE_INFINITY, 0, -2);
  expect(exponentials(values)).toBe(values[0]! + values[1]! + values[2]! + values[3]!);
  expect([...values]).toEqual([-1, Number.NEGATIVE_INFINITY, 0, -2].map(exponential));
});
