// Products of int8 activations with small unsigned codes, in 16-bit and in 32-bit sums.

import { multiplyAdd } from "../../kernels/cpu/math.as";

/** Products of int8 activations with codes of at most 7 bits, added in pairs: eight 16-bit sums. */
// @ts-ignore: decorator
@inline
function addPairs(sums: v128, q: v128, codes: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.add(sums, i16x8.relaxed_dot_i8x16_i7x16_s(q, codes));
  return sums; // without it, kernels call `addLow` and `addHigh`
}

/** The same added in fours: four 32-bit sums. One instruction where the machine adds dots of bytes. */
// @ts-ignore: decorator
@inline
function addFours(sums: v128, q: v128, codes: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_dot_i8x16_i7x16_add_s(q, codes, sums);
  return sums;
}

/** Products in 16 bits, of lanes 0 and 1 and of lanes 2 and 3, where bytes cannot be multiplied in pairs. */
// @ts-ignore: decorator
@inline
export function addLow(sums: v128, q: v128, codes: v128): v128 {
  return i16x8.add(sums, i16x8.extmul_low_i8x16_s(q, codes));
}

// @ts-ignore: decorator
@inline
export function addHigh(sums: v128, q: v128, codes: v128): v128 {
  return i16x8.add(sums, i16x8.extmul_high_i8x16_s(q, codes));
}

/** One of the two, by the type of the sums: i16 or i32. A type, because a flag would end in the loops. */
// @ts-ignore: decorator
@inline
export function addDots<Sum>(sums: v128, q: v128, codes: v128): v128 {
  return sizeof<Sum>() == 4 ? addFours(sums, q, codes) : addPairs(sums, q, codes);
}

/**
 * Adds m, which is in both halves of each lane, times the sums a and b to the 32-bit sums at `to` and after it. Two
 * neighbours at a time, so that V8 can fuse them to one vector of 256 bits where it is told to.
 */
// @ts-ignore: decorator
@inline
export function addBothTimes<Sum>(to: usize, a: v128, b: v128, m: v128): void {
  const sumA = i32x4.add(v128.load(to), times<Sum>(a, m));
  const sumB = i32x4.add(v128.load(to, 16), times<Sum>(b, m));
  v128.store(to, sumA);
  v128.store(to, sumB, 16);
}

// @ts-ignore: decorator
@inline
function times<Sum>(sums: v128, m: v128): v128 {
  if (sizeof<Sum>() == 4) return i32x4.mul(sums, i32x4.shr_u(m, 16));
  return i32x4.dot_i16x8_s(sums, m);
}

/** The same for the sums of `addLow` and `addHigh`. */
// @ts-ignore: decorator
@inline
export function addProductsTimes(to: usize, low: v128, high: v128, m: v128): void {
  const a = i32x4.dot_i16x8_s(low, m);
  const b = i32x4.dot_i16x8_s(high, m);
  const sums = i32x4.add(i32x4.shuffle(a, b, 0, 2, 4, 6), i32x4.shuffle(a, b, 1, 3, 5, 7));
  v128.store(to, i32x4.add(v128.load(to), sums));
}

/** Starts two neighbouring vectors of sums of a group. */
// @ts-ignore: decorator
@inline
export function startBoth(to: usize, start: v128): void {
  v128.store(to, start);
  v128.store(to, start, 16);
}

/** Adds two neighbouring vectors of sums of a group, times its scales, to floats. */
// @ts-ignore: decorator
@inline
export function addBothScaled(sums: usize, scales: usize, to: usize): void {
  const a = multiplyAdd(f32x4.convert_i32x4_s(v128.load(sums)), v128.load(scales), v128.load(to));
  const b = multiplyAdd(f32x4.convert_i32x4_s(v128.load(sums, 16)), v128.load(scales, 16), v128.load(to, 16));
  v128.store(to, a);
  v128.store(to, b, 16);
}
