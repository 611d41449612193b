// Tiles of 32 rows of ternary codes: a vector holds four columns of four rows in each of four bit planes, so that the
// products of a group end in lanes of their own, and no sum is taken across lanes.

import { addProductsTimes, addTimes, pairs } from "./tile.as";

/** Rows of a tile. */
export const ternaryRows: i32 = 32;

/** Plane masks, 3 and 12 in every byte. Loaded from memory: a constant would be built anew at every use. */
const masks = memory.data<u32>([0x03030303, 0x0c0c0c0c]);

/**
 * Adds m·Σ q·code of `steps` groups of four columns, at most eight, to the sums [4 planes, 8 lanes] at `to`. Those of
 * planes 1 and 3 are four times as large. A 16-bit sum takes two columns a step, at most 16·127·8 in size.
 */
export function ternarySums(codes: usize, q: usize, steps: i32, m: v128, to: usize): void {
  if (!ASC_FEATURE_RELAXED_SIMD) {
    plainSums(codes, q, steps, m, to);
    plainSums(codes + 16, q, steps, m, to + 16);
    return;
  }
  const low = v128.load32_splat(masks);
  const high = v128.load32_splat(masks, 4);
  let a0 = i16x8.splat(0);
  let a1 = i16x8.splat(0);
  let a2 = i16x8.splat(0);
  let a3 = i16x8.splat(0);
  let b0 = i16x8.splat(0);
  let b1 = i16x8.splat(0);
  let b2 = i16x8.splat(0);
  let b3 = i16x8.splat(0);
  const end = q + ((<usize>steps) << 2);
  for (; q < end; q += 4) {
    const x = v128.load32_splat(q);
    const a = v128.load(codes);
    a0 = i16x8.add(a0, pairs(x, v128.and(a, low)));
    a1 = i16x8.add(a1, pairs(x, v128.and(a, high)));
    const aHigh = i16x8.shr_u(a, 4);
    a2 = i16x8.add(a2, pairs(x, v128.and(aHigh, low)));
    a3 = i16x8.add(a3, pairs(x, v128.and(aHigh, high)));
    const b = v128.load(codes, 16);
    b0 = i16x8.add(b0, pairs(x, v128.and(b, low)));
    b1 = i16x8.add(b1, pairs(x, v128.and(b, high)));
    const bHigh = i16x8.shr_u(b, 4);
    b2 = i16x8.add(b2, pairs(x, v128.and(bHigh, low)));
    b3 = i16x8.add(b3, pairs(x, v128.and(bHigh, high)));
    codes += 32;
  }
  addTimes(to, a0, m);
  addTimes(to + 16, b0, m);
  addTimes(to + 32, a1, m);
  addTimes(to + 48, b1, m);
  addTimes(to + 64, a2, m);
  addTimes(to + 80, b2, m);
  addTimes(to + 96, a3, m);
  addTimes(to + 112, b3, m);
}

/** The same for four of the eight lanes, where bytes cannot be multiplied in pairs. */
function plainSums(codes: usize, q: usize, steps: i32, m: v128, to: usize): void {
  const low = v128.load32_splat(masks);
  const high = v128.load32_splat(masks, 4);
  let a0 = i16x8.splat(0);
  let a1 = i16x8.splat(0);
  let a2 = i16x8.splat(0);
  let a3 = i16x8.splat(0);
  let b0 = i16x8.splat(0);
  let b1 = i16x8.splat(0);
  let b2 = i16x8.splat(0);
  let b3 = i16x8.splat(0);
  const end = q + ((<usize>steps) << 2);
  for (; q < end; q += 4) {
    const x = v128.load32_splat(q);
    const w = v128.load(codes);
    const w0 = v128.and(w, low);
    a0 = i16x8.add(a0, i16x8.extmul_low_i8x16_s(x, w0));
    b0 = i16x8.add(b0, i16x8.extmul_high_i8x16_s(x, w0));
    const w1 = v128.and(w, high);
    a1 = i16x8.add(a1, i16x8.extmul_low_i8x16_s(x, w1));
    b1 = i16x8.add(b1, i16x8.extmul_high_i8x16_s(x, w1));
    const shifted = i16x8.shr_u(w, 4);
    const w2 = v128.and(shifted, low);
    a2 = i16x8.add(a2, i16x8.extmul_low_i8x16_s(x, w2));
    b2 = i16x8.add(b2, i16x8.extmul_high_i8x16_s(x, w2));
    const w3 = v128.and(shifted, high);
    a3 = i16x8.add(a3, i16x8.extmul_low_i8x16_s(x, w3));
    b3 = i16x8.add(b3, i16x8.extmul_high_i8x16_s(x, w3));
    codes += 32;
  }
  addProductsTimes(to, a0, b0, m);
  addProductsTimes(to + 32, a1, b1, m);
  addProductsTimes(to + 64, a2, b2, m);
  addProductsTimes(to + 96, a3, b3, m);
}
