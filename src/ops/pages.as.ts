// Rows of a pool of pages, by the formulas of pages.ts and pageRows.ts. `PAGE` is `pageSize` of pages.ts. The type of a
// pool is told by the bytes of an element: 4 f32, 2 f16, 1 i8.

import { finiteHalves, floatAt, maxLanes } from "../kernels/cpu/math.as";

export const PAGE: i32 = 64;

/** The pages of a sequence: [maxPages] i32. */
// @ts-ignore: decorator
@inline
export function pagesOf(pages: usize, maxPages: i32, slot: i32): usize {
  return pages + ((<usize>(slot * maxPages)) << 2);
}

/** The row of the pool that holds position `position` of sequence `slot`. */
// @ts-ignore: decorator
@inline
export function poolRow(pages: usize, maxPages: i32, slot: i32, position: i32): i32 {
  const page = load<i32>(pagesOf(pages, maxPages, slot) + ((<usize>(position / PAGE)) << 2));
  return page * PAGE + (position % PAGE);
}

/** Bytes of a row of `heads`. */
// @ts-ignore: decorator
@inline
export function rowBytes(elementBytes: i32, heads: i32, headSize: i32): usize {
  return <usize>heads * <usize>(elementBytes == 1 ? headSize + 4 : elementBytes * headSize);
}

/** Four neighbours as floats; of i8, as codes. */
// @ts-ignore: decorator
@inline
export function fourAt<T>(at: usize): v128 {
  if (sizeof<T>() == 4) return v128.load(at);
  if (sizeof<T>() == 2) return finiteHalves(i32x4.shl(v128.load16x4_s(at), 13));
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(at))));
}

/** Stores the floats x [heads, headSize] as a row of a pool. */
export function storeRow(elementBytes: i32, x: usize, heads: i32, headSize: i32, to: usize): void {
  if (elementBytes == 4) memory.copy(to, x, rowBytes(4, heads, headSize));
  else if (elementBytes == 2) storeHalves(x, heads * headSize, to);
  else {
    for (let head = 0; head < heads; head++) storeCodes(floatAt(x, head, headSize), headSize, to + rowBytes(1, head, headSize));
  }
}

function storeHalves(x: usize, count: i32, to: usize): void {
  for (let i = 0; i < count; i += 4) {
    const bits = nearestHalves(v128.load(x + ((<usize>i) << 2)));
    v128.store64_lane(to + ((<usize>i) << 1), i16x8.narrow_i32x4_u(bits, bits), 0);
  }
}

/** The bits of the nearest halves, halves to even, in four lanes; what is larger than 65,504 becomes that. */
function nearestHalves(x: v128): v128 {
  const sign = v128.and(x, i32x4.splat(1 << 31));
  // NaN passes, and ends as one: its bits are above all others.
  const size = f32x4.min(v128.xor(x, sign), f32x4.splat(65504));
  // Rounded where bit 13 becomes the lowest one, and moved to the halves' bias.
  const odd = v128.and(i32x4.shr_u(size, 13), i32x4.splat(1));
  const shifted = i32x4.add(i32x4.add(size, i32x4.splat(0xfff - (112 << 23))), odd);
  const normal = i32x4.shr_u(shifted, 13);
  // Below 2^-14 a half counts 2^-24: adding 1/2 leaves that in the lowest bits.
  const small = i32x4.sub(f32x4.add(size, f32x4.splat(0.5)), f32x4.splat(0.5));
  const isSmall = f32x4.lt(size, f32x4.splat(reinterpret<f32>((127 - 14) << 23)));
  return v128.or(v128.bitselect(small, normal, isSmall), i32x4.shr_u(sign, 16));
}

/** Codes of one head, and their step after them. */
function storeCodes(x: usize, headSize: i32, to: usize): void {
  let tops = f32x4.splat(1e-30);
  for (let i = 0; i < headSize; i += 4) tops = f32x4.max(tops, f32x4.abs(v128.load(x + ((<usize>i) << 2))));
  const step = maxLanes(tops) / 127;
  for (let i = 0; i < headSize; i += 4) {
    const four = f32x4.nearest(f32x4.div(v128.load(x + ((<usize>i) << 2)), f32x4.splat(step)));
    const codes = i32x4.trunc_sat_f32x4_s(four);
    const pairs = i16x8.narrow_i32x4_s(codes, codes);
    v128.store32_lane(to + <usize>i, i8x16.narrow_i16x8_s(pairs, pairs), 0);
  }
  store<f32>(to + <usize>headSize, step);
}
