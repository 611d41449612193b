import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bf16ToF32, bitsOf, f16Number, f16ToF32, f32ToBf16, f32ToF16, firstNonFinite } from './floats.ts';

const all16 = Uint16Array.from({ length: 65536 }, (_, k) => k);
const widen = (half: number) => f16ToF32(Uint16Array.of(half), new Float32Array(1))[0]!;
const narrow = (x: number) => f32ToF16(Float32Array.of(x), new Uint16Array(1))[0]!;
const narrowB = (x: number) => f32ToBf16(Float32Array.of(x), new Uint16Array(1))[0]!;
const fromBits = (bits: number) => new Float32Array(Uint32Array.of(bits).buffer);

describe('f16', () => {
  it('widens known values', () => {
    expect(widen(0x3c00)).toBe(1);
    expect(widen(0xc000)).toBe(-2);
    expect(widen(0x7bff)).toBe(65504);
    expect(widen(0x0001)).toBe(2 ** -24);
    expect(widen(0x03ff)).toBe(1023 * 2 ** -24);
    expect(widen(0x7c00)).toBe(Number.POSITIVE_INFINITY);
    expect(Object.is(widen(0x8000), -0)).toBe(true);
    expect(widen(0x7e01)).toBeNaN();
  });

  it('keeps every one of the 65536 values through f32 and back', () => {
    const back = f32ToF16(f16ToF32(all16, new Float32Array(65536)), new Uint16Array(65536));
    for (let k = 0; k < 65536; k++) {
      const isNaN16 = (k & 0x7c00) === 0x7c00 && (k & 0x3ff) !== 0;
      expect(isNaN16 ? back[k]! | 0x200 : back[k]).toBe(isNaN16 ? k | 0x200 : k);
    }
  });

  it('rounds to the nearest, ties to even, between every two neighbours', () => {
    for (let k = 0; k < 0x7bff; k++) {
      const [low, high] = [widen(k), widen(k + 1)];
      const middle = (low + high) / 2; // exact in f32
      expect(narrow(middle)).toBe(k % 2 === 0 ? k : k + 1);
      const bits = new Int32Array(Float32Array.of(middle).buffer)[0]!;
      expect(narrow(fromBits(bits - 1)[0]!)).toBe(k);
      expect(narrow(fromBits(bits + 1)[0]!)).toBe(k + 1);
    }
  });

  it('overflows to infinity from 65520 on, and keeps signs and NaN', () => {
    expect(narrow(65519.99)).toBe(0x7bff);
    expect(narrow(65520)).toBe(0x7c00);
    expect(narrow(-1e30)).toBe(0xfc00);
    expect(narrow(-1e-30)).toBe(0x8000);
    for (const bits of [0x7f800001, 0xffc00000, 0x7fffffff]) {
      const half = f32ToF16(fromBits(bits), new Uint16Array(1))[0]!;
      expect(widen(half)).toBeNaN();
    }
  });
});

describe('bf16', () => {
  it('is the upper half of f32, through and back', () => {
    const back = f32ToBf16(bf16ToF32(all16, new Float32Array(65536)), new Uint16Array(65536));
    for (let k = 0; k < 65536; k++) {
      const isNaN16 = (k & 0x7f80) === 0x7f80 && (k & 0x7f) !== 0;
      expect(isNaN16 ? back[k]! | 0x40 : back[k]).toBe(isNaN16 ? k | 0x40 : k);
    }
  });

  it('rounds to the nearest, ties to even', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (x) => {
        const bits = narrowB(x);
        const error = (half: number) =>
          Math.abs(bf16ToF32(Uint16Array.of(half), new Float32Array(1))[0]! - x);
        if (!Number.isFinite(x) || (bits & 0x7fff) >= 0x7f7f) return;
        for (const other of [bits - 1, bits + 1]) {
          if ((other & 0x7fff) > 0x7f7f || other < 0) continue;
          expect(error(other)).toBeGreaterThanOrEqual(error(bits));
          if (error(other) === error(bits)) expect(bits & 1).toBe(0);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps a NaN whose payload is in the lower half, infinities, and overflows as IEEE does', () => {
    expect(f32ToBf16(fromBits(0x7f800001), new Uint16Array(1))[0]).toBe(0x7fc0);
    expect(narrowB(Number.NEGATIVE_INFINITY)).toBe(0xff80);
    expect(f32ToBf16(fromBits(0x7f7fffff), new Uint16Array(1))[0]).toBe(0x7f80);
  });
});

it('refuses arrays of different lengths', () => {
  expect(() => f16ToF32(new Uint16Array(2), new Float32Array(3))).toThrow('conversion of 2 numbers into 3');
});

it('tells the number of single bits as it does of arrays', () => {
  const floats = f16ToF32(all16, new Float32Array(65536));
  for (const bits of all16) expect(f16Number(bits)).toBe(floats[bits]);
});

it('finds the first float that is infinite or NaN', () => {
  const floats = Float32Array.of(65504, -0, Number.POSITIVE_INFINITY, Number.NaN);
  const forms = [
    ['F32', bitsOf(floats)],
    ['F16', f32ToF16(floats, new Uint16Array(4))],
    ['BF16', f32ToBf16(floats, new Uint16Array(4))],
  ] as const;
  for (const [type, bits] of forms) {
    expect(firstNonFinite(bits, type)).toBe(2);
    expect(firstNonFinite(bits.subarray(3), type)).toBe(0);
    expect(firstNonFinite(bits.subarray(0, 2), type)).toBe(-1);
  }
});
