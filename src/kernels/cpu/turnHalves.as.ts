// Eight rows of eight 16-bit floats as a panel: one column a line, as f32. They are turned as 16-bit numbers, which takes
// half the shuffles.

import { finiteHalves, splatOf } from "./math.as";

/** Of two halves. */
const MAGNITUDES: usize = 0;
const INFINITIES: usize = 1;
const numbers = memory.data<u32>([0x7fff7fff, 0x7c007c00]);

/** A column of halves, which come to lie in the upper 16 bits of lanes. */
// @ts-ignore: decorator
@inline
function storeLine(to: usize, column: v128, bfloats: bool): void {
  const zero = i64x2.splat(0);
  const low = i16x8.shuffle(zero, column, 0, 8, 1, 9, 2, 10, 3, 11);
  const high = i16x8.shuffle(zero, column, 4, 12, 5, 13, 6, 14, 7, 15);
  v128.store(to, bfloats ? low : finiteHalves(i32x4.shr_s(low, 3)));
  v128.store(to, bfloats ? high : finiteHalves(i32x4.shr_s(high, 3)), 16);
}

// @ts-ignore: decorator
@inline
function lower(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

// @ts-ignore: decorator
@inline
function upper(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** The larger magnitudes. */
// @ts-ignore: decorator
@inline
function larger(a: v128, b: v128): v128 {
  const magnitude = splatOf(numbers, MAGNITUDES);
  return i16x8.max_s(v128.and(a, magnitude), v128.and(b, magnitude));
}

/**
 * Writes eight lines of eight floats.
 * @param from the first element of the first row
 * @param stride bytes between rows
 * @param bfloats bf16, else f16
 * @returns whether it has: halves that are infinite or NaN are left to the caller
 */
// @ts-ignore: decorator
@inline
export function turnHalves(to: usize, from: usize, stride: usize, bfloats: bool): bool {
  const a = v128.load(from);
  const b = v128.load(from + stride);
  const c = v128.load(from + 2 * stride);
  const d = v128.load(from + 3 * stride);
  const e = v128.load(from + 4 * stride);
  const f = v128.load(from + 5 * stride);
  const g = v128.load(from + 6 * stride);
  const h = v128.load(from + 7 * stride);
  if (!bfloats) {
    const largest = larger(larger(larger(a, b), larger(c, d)), larger(larger(e, f), larger(g, h)));
    if (v128.any_true(i16x8.ge_s(largest, splatOf(numbers, INFINITIES)))) return false;
  }
  // Each round interleaves the first four with the last four.
  const a1 = lower(a, e);
  const b1 = upper(a, e);
  const c1 = lower(b, f);
  const d1 = upper(b, f);
  const e1 = lower(c, g);
  const f1 = upper(c, g);
  const g1 = lower(d, h);
  const h1 = upper(d, h);
  const a2 = lower(a1, e1);
  const b2 = upper(a1, e1);
  const c2 = lower(b1, f1);
  const d2 = upper(b1, f1);
  const e2 = lower(c1, g1);
  const f2 = upper(c1, g1);
  const g2 = lower(d1, h1);
  const h2 = upper(d1, h1);
  storeLine(to, lower(a2, e2), bfloats);
  storeLine(to + 32, upper(a2, e2), bfloats);
  storeLine(to + 64, lower(b2, f2), bfloats);
  storeLine(to + 96, upper(b2, f2), bfloats);
  storeLine(to + 128, lower(c2, g2), bfloats);
  storeLine(to + 160, upper(c2, g2), bfloats);
  storeLine(to + 192, lower(d2, h2), bfloats);
  storeLine(to + 224, upper(d2, h2), bfloats);
  return true;
}
