// Tiles of 64 rows of binary codes: a vector holds four columns of four rows in each of eight bit planes.

import { addProductsTimes, addTimes, pairs } from "./tile.as";

/** Rows of a tile. */
export const binaryRows: i32 = 64;

/** A bit of every byte. Loaded from memory: a constant would be built anew at every use. */
const masks = memory.data<u32>([0x01010101, 0x02020202, 0x04040404, 0x08080808]);

/**
 * Adds m·Σ q·bit of `steps` groups of four columns, at most eight, to the sums [8 planes, 8 lanes] at `to`. Those of
 * planes j and j + 4 are 2^j times as large. A 16-bit sum takes two columns a step, at most 16·127·8 in size.
 */
export function binarySums(codes: usize, q: usize, steps: i32, m: v128, to: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    fourPlanes(codes, q, steps, 0, m, to);
    fourPlanes(codes, q, steps, 4, m, to + 128);
    return;
  }
  for (let half: usize = 0; half < 32; half += 16) {
    fourPlanesPlain(codes + half, q, steps, 0, m, to + half);
    fourPlanesPlain(codes + half, q, steps, 4, m, to + half + 128);
  }
}

/** Planes shift … shift + 3 of all lanes. */
// @ts-ignore: decorator
@inline
function fourPlanes(codes: usize, q: usize, steps: i32, shift: i32, m: v128, to: usize): void {
  const bit0 = v128.load32_splat(masks);
  const bit1 = v128.load32_splat(masks, 4);
  const bit2 = v128.load32_splat(masks, 8);
  const bit3 = v128.load32_splat(masks, 12);
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
    const a = i16x8.shr_u(v128.load(codes), shift);
    a0 = i16x8.add(a0, pairs(x, v128.and(a, bit0)));
    a1 = i16x8.add(a1, pairs(x, v128.and(a, bit1)));
    a2 = i16x8.add(a2, pairs(x, v128.and(a, bit2)));
    a3 = i16x8.add(a3, pairs(x, v128.and(a, bit3)));
    const b = i16x8.shr_u(v128.load(codes, 16), shift);
    b0 = i16x8.add(b0, pairs(x, v128.and(b, bit0)));
    b1 = i16x8.add(b1, pairs(x, v128.and(b, bit1)));
    b2 = i16x8.add(b2, pairs(x, v128.and(b, bit2)));
    b3 = i16x8.add(b3, pairs(x, v128.and(b, bit3)));
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
function fourPlanesPlain(codes: usize, q: usize, steps: i32, shift: i32, m: v128, to: usize): void {
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
    const w = i16x8.shr_u(v128.load(codes), shift);
    const w0 = v128.and(w, v128.load32_splat(masks));
    a0 = i16x8.add(a0, i16x8.extmul_low_i8x16_s(x, w0));
    b0 = i16x8.add(b0, i16x8.extmul_high_i8x16_s(x, w0));
    const w1 = v128.and(w, v128.load32_splat(masks, 4));
    a1 = i16x8.add(a1, i16x8.extmul_low_i8x16_s(x, w1));
    b1 = i16x8.add(b1, i16x8.extmul_high_i8x16_s(x, w1));
    const w2 = v128.and(w, v128.load32_splat(masks, 8));
    a2 = i16x8.add(a2, i16x8.extmul_low_i8x16_s(x, w2));
    b2 = i16x8.add(b2, i16x8.extmul_high_i8x16_s(x, w2));
    const w3 = v128.and(w, v128.load32_splat(masks, 12));
    a3 = i16x8.add(a3, i16x8.extmul_low_i8x16_s(x, w3));
    b3 = i16x8.add(b3, i16x8.extmul_high_i8x16_s(x, w3));
    codes += 32;
  }
  addProductsTimes(to, a0, b0, m);
  addProductsTimes(to + 32, a1, b1, m);
  addProductsTimes(to + 64, a2, b2, m);
  addProductsTimes(to + 96, a3, b3, m);
}
