// One row of activations with a tile, whose codes are used where they lie: masked, they are a bit plane, and only the
// upper half of a byte is shifted. A vector holds four columns of four rows in each plane, so that the sums of rows
// end in lanes of their own, and no sum is taken across lanes.
//
// Four planes at a time: all of a ternary byte, or half of a binary one. Their codes are w + 1: 0, 1, 2 or 0, 2, times
// the place of the plane. A 16-bit sum takes two columns of a step and is multiplied by m after at most eight steps:
// 16·127·16 stays below 2^15.

import { byteDots } from "../../kernels/cpu/workspace.as";
import { addDots, addDotsTimes, addHigh, addLow, addProductsTimes } from "./dots.as";

/** Masks of the planes. Loaded from memory: a constant would be built anew at every use. */
const ternaryMasks = memory.data<u32>([0x03030303, 0x0c0c0c0c]);
const binaryMasks = memory.data<u32>([0x02020202, 0x04040404, 0x08080808, 0x10101010]);

/** What a code of a plane counts, as a power of two. */
// @ts-ignore: decorator
@inline
export function placeOf(plane: i32, planes: i32): i32 {
  return planes == 4 ? (plane & 1) << 1 : plane & 3;
}

/** Which four planes of a byte. */
const ternary: i32 = 0;
const lowerBinary: i32 = 1;
const upperBinary: i32 = 2;

/** Bytes of codes with the first of four planes, in place. Neighbouring bytes shift into each other; masks cut that off. */
// @ts-ignore: decorator
@inline
function lower(codes: v128, which: i32): v128 {
  if (which == lowerBinary) return i16x8.shl(codes, 1);
  return which == upperBinary ? i16x8.shr_u(codes, 3) : codes;
}

/** The same for the third and the fourth. */
// @ts-ignore: decorator
@inline
function upper(codes: v128, which: i32): v128 {
  return which == ternary ? i16x8.shr_u(codes, 4) : codes;
}

// @ts-ignore: decorator
@inline
function maskOf(plane: i32, which: i32): v128 {
  if (which == ternary) return v128.load32_splat(ternaryMasks + ((<usize>(plane & 1)) << 2));
  return v128.load32_splat(binaryMasks + ((<usize>plane) << 2));
}

/** Adds Σ m·q·code of `pieces` pieces of `steps` groups of four columns to the sums [4 planes, 8 lanes] at `to`. */
// @ts-ignore: decorator
@inline
function fourPlanes(codes: usize, q: usize, units: usize, pieces: i32, steps: i32, to: usize, which: i32, fours: bool): void {
  const mask0 = maskOf(0, which);
  const mask1 = maskOf(1, which);
  const mask2 = maskOf(2, which);
  const mask3 = maskOf(3, which);
  for (let piece = 0; piece < pieces; piece++) {
    let a0 = i32x4.splat(0);
    let a1 = i32x4.splat(0);
    let a2 = i32x4.splat(0);
    let a3 = i32x4.splat(0);
    let b0 = i32x4.splat(0);
    let b1 = i32x4.splat(0);
    let b2 = i32x4.splat(0);
    let b3 = i32x4.splat(0);
    const end = q + ((<usize>steps) << 2);
    for (; q < end; q += 4) {
      const x = v128.load32_splat(q);
      const a = lower(v128.load(codes), which);
      a0 = addDots(a0, x, v128.and(a, mask0), fours);
      a1 = addDots(a1, x, v128.and(a, mask1), fours);
      const aUpper = upper(a, which);
      a2 = addDots(a2, x, v128.and(aUpper, mask2), fours);
      a3 = addDots(a3, x, v128.and(aUpper, mask3), fours);
      const b = lower(v128.load(codes, 16), which);
      b0 = addDots(b0, x, v128.and(b, mask0), fours);
      b1 = addDots(b1, x, v128.and(b, mask1), fours);
      const bUpper = upper(b, which);
      b2 = addDots(b2, x, v128.and(bUpper, mask2), fours);
      b3 = addDots(b3, x, v128.and(bUpper, mask3), fours);
      codes += 32;
    }
    const m = v128.load32_splat(units + ((<usize>piece) << 2));
    addDotsTimes(to, a0, m, fours);
    addDotsTimes(to + 16, b0, m, fours);
    addDotsTimes(to + 32, a1, m, fours);
    addDotsTimes(to + 48, b1, m, fours);
    addDotsTimes(to + 64, a2, m, fours);
    addDotsTimes(to + 80, b2, m, fours);
    addDotsTimes(to + 96, a3, m, fours);
    addDotsTimes(to + 112, b3, m, fours);
  }
}

/** The same for four of the eight lanes, where bytes cannot be multiplied in pairs. */
// @ts-ignore: decorator
@inline
function fourPlanesPlain(codes: usize, q: usize, units: usize, pieces: i32, steps: i32, to: usize, which: i32): void {
  const mask0 = maskOf(0, which);
  const mask1 = maskOf(1, which);
  const mask2 = maskOf(2, which);
  const mask3 = maskOf(3, which);
  for (let piece = 0; piece < pieces; piece++) {
    let a0 = i32x4.splat(0);
    let a1 = i32x4.splat(0);
    let a2 = i32x4.splat(0);
    let a3 = i32x4.splat(0);
    let b0 = i32x4.splat(0);
    let b1 = i32x4.splat(0);
    let b2 = i32x4.splat(0);
    let b3 = i32x4.splat(0);
    const end = q + ((<usize>steps) << 2);
    for (; q < end; q += 4) {
      const x = v128.load32_splat(q);
      const w = lower(v128.load(codes), which);
      const w0 = v128.and(w, mask0);
      a0 = addLow(a0, x, w0);
      b0 = addHigh(b0, x, w0);
      const w1 = v128.and(w, mask1);
      a1 = addLow(a1, x, w1);
      b1 = addHigh(b1, x, w1);
      const wUpper = upper(w, which);
      const w2 = v128.and(wUpper, mask2);
      a2 = addLow(a2, x, w2);
      b2 = addHigh(b2, x, w2);
      const w3 = v128.and(wUpper, mask3);
      a3 = addLow(a3, x, w3);
      b3 = addHigh(b3, x, w3);
      codes += 32;
    }
    const m = v128.load32_splat(units + ((<usize>piece) << 2));
    addProductsTimes(to, a0, b0, m);
    addProductsTimes(to + 32, a1, b1, m);
    addProductsTimes(to + 64, a2, b2, m);
    addProductsTimes(to + 96, a3, b3, m);
  }
}

/**
 * Adds Σ m·q·code of `pieces` pieces of `steps` groups of four columns to the sums [planes, 8 lanes] at `to`. Codes are
 * w + 1, times the place of their plane.
 */
// @ts-ignore: decorator
@inline
function sumsOfFour(codes: usize, q: usize, units: usize, pieces: i32, steps: i32, to: usize, which: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (byteDots()) fourPlanes(codes, q, units, pieces, steps, to, which, true);
    else fourPlanes(codes, q, units, pieces, steps, to, which, false);
  } else {
    fourPlanesPlain(codes, q, units, pieces, steps, to, which);
    fourPlanesPlain(codes + 16, q, units, pieces, steps, to + 16, which);
  }
}

export function ternarySums(codes: usize, q: usize, units: usize, pieces: i32, steps: i32, to: usize): void {
  sumsOfFour(codes, q, units, pieces, steps, to, ternary);
}

export function binarySums(codes: usize, q: usize, units: usize, pieces: i32, steps: i32, to: usize): void {
  sumsOfFour(codes, q, units, pieces, steps, to, lowerBinary);
  sumsOfFour(codes, q, units, pieces, steps, to + 128, upperBinary);
}
