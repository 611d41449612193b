// Vector arithmetic shared by several kernels. Four f32 lanes a vector.

/** a·b + c, rounded once where the machine can (relaxed SIMD). */
// @ts-ignore: decorator
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

// @ts-ignore: decorator
@inline
export function sumLanes(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) +
    f32x4.extract_lane(v, 1) +
    (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

// @ts-ignore: decorator
@inline
export function maxLanes(v: v128): f32 {
  return max(
    max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

/**
 * Number `index` of a table of 32-bit numbers, in all lanes. Where a loop needs many constants they stand in memory: V8
 * builds a constant vector again at every use, with three instructions instead of a load.
 */
// @ts-ignore: decorator
@inline
export function splatOf(table: usize, index: usize): v128 {
  return v128.load32_splat(table + (index << 2));
}

const LEAST: usize = 0;
const MOST: usize = 1;
/** log2 e */
const LOG2_E: usize = 2;
/** 1.5 · 2²³ + 127: added to a small number, it rounds it to an integer k, and the lower bits hold k + 127. */
const ROUND: usize = 3;
/** ln 2, in two parts. */
const LN2_HIGH: usize = 4;
const LN2_LOW: usize = 5;
/** 1/7!, 1/6!, … 1/2! */
const POWERS: usize = 6;
const ONE: usize = 12;
const numbers = memory.data<f32>([
  -87, 88, 1.44269504, 12583039, 0.693359375, -2.12194440e-4,
  1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1,
]);

/**
 * eˣ with a relative error below 2e-7: x = k·ln2 + r with |r| ≤ ln2/2 and ln2 in two parts, a polynomial for
 * eʳ, and 2ᵏ made of its bits. Clamped to [-87, 88], so that it neither overflows nor makes subnormals; NaN stays NaN.
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const clamped = f32x4.pmin(f32x4.pmax(x, splatOf(numbers, LEAST)), splatOf(numbers, MOST));
  const rounded = f32x4.add(f32x4.mul(clamped, splatOf(numbers, LOG2_E)), splatOf(numbers, ROUND));
  const k = f32x4.sub(rounded, splatOf(numbers, ROUND));
  let r = f32x4.sub(clamped, f32x4.mul(k, splatOf(numbers, LN2_HIGH)));
  r = f32x4.sub(r, f32x4.mul(k, splatOf(numbers, LN2_LOW)));
  let p = splatOf(numbers, POWERS);
  p = multiplyAdd(p, r, splatOf(numbers, POWERS + 1));
  p = multiplyAdd(p, r, splatOf(numbers, POWERS + 2));
  p = multiplyAdd(p, r, splatOf(numbers, POWERS + 3));
  p = multiplyAdd(p, r, splatOf(numbers, POWERS + 4));
  p = multiplyAdd(p, r, splatOf(numbers, POWERS + 5));
  p = multiplyAdd(p, r, splatOf(numbers, ONE));
  p = multiplyAdd(p, r, splatOf(numbers, ONE));
  return f32x4.mul(p, i32x4.shl(rounded, 23));
}

/** 1 in all lanes. */
// @ts-ignore: decorator
@inline
export function one4(): v128 {
  return splatOf(numbers, ONE);
}

/** σ(x) = 1 / (1 + e⁻ˣ) */
// @ts-ignore: decorator
@inline
export function sigmoid4(x: v128): v128 {
  return f32x4.div(one4(), f32x4.add(one4(), exp4(f32x4.neg(x))));
}

/** SiLU(x) = x·σ(x) */
// @ts-ignore: decorator
@inline
export function silu4(x: v128): v128 {
  return f32x4.mul(x, sigmoid4(x));
}

/** The derivative of SiLU at x, given σ(x): σ·(1 + x·(1 − σ)) */
// @ts-ignore: decorator
@inline
export function siluSlope4(x: v128, sigmoid: v128): v128 {
  return f32x4.mul(sigmoid, multiplyAdd(x, f32x4.sub(one4(), sigmoid), one4()));
}

const NO_SIGN: usize = 0;
/** 1.5 · 2²³ */
const TO_INTEGER: usize = 1;
const roundings = memory.data<u32>([0x7fffffff, 0x4b400000]);

/** |x| as bits, which are in the order of integers; those of NaN are above all others. */
// @ts-ignore: decorator
@inline
export function magnitude4(x: v128): v128 {
  return v128.and(x, splatOf(roundings, NO_SIGN));
}

/** The largest of four magnitudes: NaN if one is. */
// @ts-ignore: decorator
@inline
export function largestMagnitude(bits: v128): f32 {
  const low = max(i32x4.extract_lane(bits, 0), i32x4.extract_lane(bits, 1));
  return reinterpret<f32>(max(low, max(i32x4.extract_lane(bits, 2), i32x4.extract_lane(bits, 3))));
}

/** The integers nearest to numbers below 2²² in size, halves to even: a sum is rounded, and holds them in its bits. */
// @ts-ignore: decorator
@inline
export function nearestSmall4(x: v128): v128 {
  const to = splatOf(roundings, TO_INTEGER);
  return i32x4.sub(f32x4.add(x, to), to);
}

const MAGNITUDE: usize = 0;
const SIGN: usize = 1;
/** 2¹¹² */
const BIASES: usize = 2;
/** 2¹⁶ */
const SPECIAL: usize = 3;
const INFINITY: usize = 4;
/** Sign and fields of a half, at their places in a float. */
const FIELDS: usize = 5;
const halves = memory.data<u32>([0x7fff, 0x8000, (254 - 15) << 23, (127 + 16) << 23, 255 << 23, 0x8fffe000]);

/** Finite halves whose fields were shifted to their places in floats: without other bits, and with the biases' difference. */
// @ts-ignore: decorator
@inline
export function finiteHalves(shifted: v128): v128 {
  return f32x4.mul(v128.and(shifted, splatOf(halves, FIELDS)), splatOf(halves, BIASES));
}

/** IEEE halves in the low bits of four lanes: shift the fields into place, then scale by the biases' difference. */
export function halvesToFloats(bits: v128): v128 {
  const shifted = i32x4.shl(v128.and(bits, splatOf(halves, MAGNITUDE)), 13);
  const magnitude = f32x4.mul(shifted, splatOf(halves, BIASES));
  // Infinities and NaNs come out as 2^16 and more.
  const special = v128.and(f32x4.ge(magnitude, splatOf(halves, SPECIAL)), splatOf(halves, INFINITY));
  const sign = i32x4.shl(v128.and(bits, splatOf(halves, SIGN)), 16);
  return v128.or(v128.or(magnitude, special), sign);
}

/** Loads up to four floats; lanes past `count` are zero. */
export function loadPartial(pointer: usize, count: i32): v128 {
  let v = f32x4.splat(0);
  if (count > 0) v = f32x4.replace_lane(v, 0, load<f32>(pointer));
  if (count > 1) v = f32x4.replace_lane(v, 1, load<f32>(pointer, 4));
  if (count > 2) v = f32x4.replace_lane(v, 2, load<f32>(pointer, 8));
  return v;
}

/** Stores the first `count` < 4 lanes. */
export function storePartial(pointer: usize, v: v128, count: i32): void {
  if (count > 0) store<f32>(pointer, f32x4.extract_lane(v, 0));
  if (count > 1) store<f32>(pointer, f32x4.extract_lane(v, 1), 4);
  if (count > 2) store<f32>(pointer, f32x4.extract_lane(v, 2), 8);
}

/** Loads lanes [i, i + 4) of a row that ends at `end`. */
// @ts-ignore: decorator
@inline
export function loadLanes(row: usize, i: i32, end: i32): v128 {
  const pointer = row + ((<usize>i) << 2);
  return end - i >= 4 ? v128.load(pointer) : loadPartial(pointer, end - i);
}

/** Stores lanes [i, i + 4) of a row that ends at `end`. */
// @ts-ignore: decorator
@inline
export function storeLanes(row: usize, i: i32, end: i32, v: v128): void {
  const pointer = row + ((<usize>i) << 2);
  if (end - i >= 4) v128.store(pointer, v);
  else storePartial(pointer, v, end - i);
}

/** First item of the share of `thread` in `count` items; shares begin at multiples of `step`. */
export function shareStart(count: i32, step: i32, thread: i32, threads: i32): i32 {
  const steps = <i64>((count + step - 1) / step);
  return min(<i32>((steps * thread) / threads) * step, count);
}

/**
 * First column of the share of `thread` in one of `planes` equal parts of a row: see `Follower` in kernelCall.ts. Shares
 * of a whole row begin at multiples of 16.
 */
export function planeStart(width: i32, planes: i32, plane: i32, thread: i32, threads: i32): i32 {
  const part = width / planes;
  return plane * part + shareStart(part, planes > 1 ? 1 : 16, thread, threads);
}

/** Address of float `index` of the row `row` of a matrix with rows of `width` floats. */
// @ts-ignore: decorator
@inline
export function floatAt(base: usize, row: i32, width: i32): usize {
  return base + (<usize>row * <usize>width << 2);
}
