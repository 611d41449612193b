import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addScalars,
  greaterScalar,
  maxElement,
  minElement,
  multiply,
  multiplyScalars,
  normalise,
  reciprocal,
  reciprocalRoot,
  type Scalar,
  scalarOf,
  scalarValue,
  scale,
  sigmoid,
  silu,
} from './arithmetic.ts';
import { sumOfSquares } from './vectorOperations.ts';

const edges = fc.constantFrom(0, 1, -1, maxElement, minElement, 65535, 65536, -65536, 2 ** 30);
const element = fc.oneof(fc.integer({ min: minElement, max: maxElement }), edges);
const scalar = fc.record({ m: fc.integer({ min: 32768, max: 65535 }), e: fc.integer({ min: -60, max: 40 }) });

/** The definitions of docs/accelerator.md, word for word, on integers without bounds. */
function rne(x: bigint, k: bigint): bigint {
  return k === 0n ? x : (x + (1n << (k - 1n)) - 1n + ((x >> k) & 1n)) >> k;
}
function sat(x: bigint): number {
  return Number(x > BigInt(maxElement) ? maxElement : x < BigInt(minElement) ? minElement : x);
}
function normBig(M: bigint, e: number): Scalar {
  if (M === 0n) return { m: 0, e: 0 };
  const k = M.toString(2).length - 16;
  return { m: Number(k >= 0 ? M >> BigInt(k) : M << BigInt(-k)), e: e + k };
}

describe('elements', () => {
  it('multiplies exactly, rounds halves to even and saturates', () => {
    fc.assert(
      fc.property(element, element, fc.integer({ min: 16, max: 47 }), (a, b, shift) => {
        expect(multiply(a, b, shift) + 0).toBe(sat(rne(BigInt(a) * BigInt(b), BigInt(shift))));
      }),
      { numRuns: 3000 },
    );
  });

  it('scales exactly', () => {
    fc.assert(
      fc.property(element, scalar, (a, { m, e }) => {
        const product = BigInt(a) * BigInt(m);
        const expected = e > 0 ? sat(product << BigInt(e)) : sat(rne(product, BigInt(-e)));
        expect(scale(a, { m, e }) + 0).toBe(expected);
      }),
      { numRuns: 3000 },
    );
  });

  it('sums squares exactly', () => {
    fc.assert(
      fc.property(fc.array(element, { maxLength: 40 }), (values) => {
        const exact = values.reduce((sum, y) => sum + BigInt(y) ** 2n, 0n);
        expect(sumOfSquares(Int32Array.from(values), values.length)).toEqual(normBig(exact, 0));
      }),
    );
  });
});

describe('the sigmoid table', () => {
  it('errs by at most 2 in 2^16', () => {
    // linear interpolation errs by h²/8 · max|σ''| = 1.2e-5; two roundings add 1.5e-5
    for (let x = -(2 ** 20) - 5000; x < 2 ** 20 + 5000; x += 37) {
      const exact = 65536 / (1 + Math.exp(-x / 65536));
      expect(Math.abs(sigmoid(x) - exact)).toBeLessThan(2);
    }
  });

  it('is symmetric, and SiLU is x times it', () => {
    fc.assert(
      fc.property(element, (x) => {
        expect(sigmoid(-x) + sigmoid(x)).toBe(65536);
        expect(silu(x) + 0).toBe(sat(rne(BigInt(x) * BigInt(sigmoid(x)), 16n)));
      }),
    );
  });
});

describe('scalars', () => {
  const zero = { m: 0, e: 0 };

  it('multiplies and adds, truncated', () => {
    fc.assert(
      fc.property(scalar, scalar, (a, b) => {
        expect(multiplyScalars(a, b)).toEqual(normBig(BigInt(a.m) * BigInt(b.m), a.e + b.e));
        const [high, low] = a.e >= b.e ? [a, b] : [b, a];
        const added = (BigInt(low.m) << 16n) >> BigInt(high.e - low.e);
        expect(addScalars(a, b)).toEqual(normBig((BigInt(high.m) << 16n) + added, high.e - 16));
        expect(addScalars(b, a)).toEqual(addScalars(a, b));
        expect(scalarValue(greaterScalar(a, b))).toBe(Math.max(scalarValue(a), scalarValue(b)));
      }),
    );
    expect(addScalars(zero, { m: 40000, e: 3 })).toEqual({ m: 40000, e: 3 });
    expect(multiplyScalars(zero, { m: 40000, e: 3 })).toEqual(zero);
  });

  it('inverts and takes roots to 15 bits', () => {
    fc.assert(
      fc.property(scalar, (a) => {
        const x = scalarValue(a);
        expect(Math.abs(scalarValue(reciprocal(a)) * x - 1)).toBeLessThan(2 ** -15);
        expect(Math.abs(scalarValue(reciprocalRoot(a)) * Math.sqrt(x) - 1)).toBeLessThan(2 ** -14);
      }),
      { numRuns: 2000 },
    );
  });

  it('saturates exponents and handles zero', () => {
    expect(reciprocal(zero)).toEqual({ m: 65535, e: 127 });
    expect(reciprocalRoot(zero)).toEqual({ m: 65535, e: 127 });
    expect(normalise(1, 200)).toEqual({ m: 65535, e: 127 });
    expect(normalise(1, -200)).toEqual(zero);
  });

  it('holds constants to half a unit', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-12, max: 1e12, noNaN: true }), (x) => {
        expect(Math.abs(scalarValue(scalarOf(x)) / x - 1)).toBeLessThanOrEqual(2 ** -16);
      }),
    );
    expect(() => scalarOf(-1)).toThrow(RangeError);
  });
});
