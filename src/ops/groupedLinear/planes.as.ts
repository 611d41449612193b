// One row of activations with a tile, whose codes are used where they lie: masked, they are a bit plane, and only the
// upper half of a byte is shifted. A vector holds four columns of four rows in each plane, so that the sums of rows
// end in lanes of their own, and no sum is taken across lanes.
//
// Four planes at a time: all of a ternary byte, or half of a binary one. Their codes are w + 1: 0, 1, 2 or 0, 2, times
// the place of the plane. A 16-bit sum takes two columns of a step and is multiplied by m after at most eight steps:
// 16·127·16 stays below 2^15.

import { byteDots, workspaceStart } from "../../kernels/cpu/workspace.as";
import { addBothScaled, addBothTimes, addDots, addHigh, addLow, addProductsTimes, startBoth } from "./dots.as";

/** Masks of the planes. Loaded from memory: a constant would be built again at every use. */
const ternaryMasks = memory.data<u32>([0x03030303, 0x0c0c0c0c]);
const binaryMasks = memory.data<u32>([0x02020202, 0x04040404, 0x08080808, 0x10101010]);

/** What a code of a plane counts, as a power of two. */
// @ts-ignore: decorator
@inline
export function placeOf(plane: i32, planes: i32): i32 {
  return planes == 4 ? (plane & 1) << 1 : plane & 3;
}

/** Which four planes of a byte: types, because an argument would be tested in the loops. */
class Ternary {}
class LowerBinary {}
class UpperBinary {}

/** Bytes of codes with the first of four planes, in place. Neighbouring bytes shift into each other; masks cut that off. */
// @ts-ignore: decorator
@inline
function lower<Which>(codes: v128): v128 {
  if (idof<Which>() == idof<LowerBinary>()) return i16x8.shl(codes, 1);
  return idof<Which>() == idof<UpperBinary>() ? i16x8.shr_u(codes, 3) : codes;
}

/** The same for the third and the fourth. */
// @ts-ignore: decorator
@inline
function upper<Which>(codes: v128): v128 {
  return idof<Which>() == idof<Ternary>() ? i16x8.shr_u(codes, 4) : codes;
}

// @ts-ignore: decorator
@inline
function maskOf<Which>(plane: i32): v128 {
  if (idof<Which>() == idof<Ternary>()) return v128.load32_splat(ternaryMasks + ((<usize>(plane & 1)) << 2));
  return v128.load32_splat(binaryMasks + ((<usize>plane) << 2));
}

/**
 * Adds s·Σ m·q·w of a group, in pieces of `steps` groups of four columns, to the floats [4 planes, 8 lanes].
 * @param start −Σ m·q of the group: codes are w + 1, times the place of their plane
 * @param scales [4 planes, 8 lanes], divided by the places of the planes
 */
function fourPlanes<Sum, Which>(codes: usize, q: usize, units: usize, pieces: i32, steps: i32, start: i32, scales: usize, floats: usize): void {
  const to = workspaceStart();
  startPlanes<Which>(to, start);
  const mask0 = maskOf<Which>(0);
  const mask1 = maskOf<Which>(1);
  const mask2 = maskOf<Which>(2);
  const mask3 = maskOf<Which>(3);
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
    // Two steps at a time: a loop's own instructions would cost as much as a quarter of one.
    for (; q < end; q += 8) {
      const x = v128.load32_splat(q);
      const a = lower<Which>(v128.load(codes));
      a0 = addDots<Sum>(a0, x, v128.and(a, mask0));
      a1 = addDots<Sum>(a1, x, v128.and(a, mask1));
      const aUpper = upper<Which>(a);
      a2 = addDots<Sum>(a2, x, v128.and(aUpper, mask2));
      a3 = addDots<Sum>(a3, x, v128.and(aUpper, mask3));
      const b = lower<Which>(v128.load(codes, 16));
      b0 = addDots<Sum>(b0, x, v128.and(b, mask0));
      b1 = addDots<Sum>(b1, x, v128.and(b, mask1));
      const bUpper = upper<Which>(b);
      b2 = addDots<Sum>(b2, x, v128.and(bUpper, mask2));
      b3 = addDots<Sum>(b3, x, v128.and(bUpper, mask3));
      const y = v128.load32_splat(q, 4);
      const c = lower<Which>(v128.load(codes, 32));
      a0 = addDots<Sum>(a0, y, v128.and(c, mask0));
      a1 = addDots<Sum>(a1, y, v128.and(c, mask1));
      const cUpper = upper<Which>(c);
      a2 = addDots<Sum>(a2, y, v128.and(cUpper, mask2));
      a3 = addDots<Sum>(a3, y, v128.and(cUpper, mask3));
      const d = lower<Which>(v128.load(codes, 48));
      b0 = addDots<Sum>(b0, y, v128.and(d, mask0));
      b1 = addDots<Sum>(b1, y, v128.and(d, mask1));
      const dUpper = upper<Which>(d);
      b2 = addDots<Sum>(b2, y, v128.and(dUpper, mask2));
      b3 = addDots<Sum>(b3, y, v128.and(dUpper, mask3));
      codes += 64;
    }
    const m = v128.load32_splat(units + ((<usize>piece) << 2));
    addBothTimes<Sum>(to, a0, b0, m);
    addBothTimes<Sum>(to + 32, a1, b1, m);
    addBothTimes<Sum>(to + 64, a2, b2, m);
    addBothTimes<Sum>(to + 96, a3, b3, m);
  }
  addBothScaled(to, scales, floats);
  addBothScaled(to + 32, scales + 32, floats + 32);
  addBothScaled(to + 64, scales + 64, floats + 64);
  addBothScaled(to + 96, scales + 96, floats + 96);
}

// @ts-ignore: decorator
@inline
function startPlanes<Which>(to: usize, start: i32): void {
  const planes = idof<Which>() == idof<Ternary>() ? 4 : 8;
  startBoth(to, i32x4.splat(start << placeOf(0, planes)));
  startBoth(to + 32, i32x4.splat(start << placeOf(1, planes)));
  startBoth(to + 64, i32x4.splat(start << placeOf(2, planes)));
  startBoth(to + 96, i32x4.splat(start << placeOf(3, planes)));
}

/** Adds Σ m·q·code to the sums of four of the eight lanes, where bytes cannot be multiplied in pairs. */
function fourPlanesPlain<Which>(codes: usize, q: usize, units: usize, pieces: i32, steps: i32, to: usize): void {
  const mask0 = maskOf<Which>(0);
  const mask1 = maskOf<Which>(1);
  const mask2 = maskOf<Which>(2);
  const mask3 = maskOf<Which>(3);
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
      const w = lower<Which>(v128.load(codes));
      const w0 = v128.and(w, mask0);
      a0 = addLow(a0, x, w0);
      b0 = addHigh(b0, x, w0);
      const w1 = v128.and(w, mask1);
      a1 = addLow(a1, x, w1);
      b1 = addHigh(b1, x, w1);
      const wUpper = upper<Which>(w);
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

/** The same by the kernel that the machine runs best. */
// @ts-ignore: decorator
@inline
function sumsOfFour<Which>(codes: usize, q: usize, units: usize, pieces: i32, steps: i32, start: i32, scales: usize, floats: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (byteDots()) fourPlanes<i32, Which>(codes, q, units, pieces, steps, start, scales, floats);
    else fourPlanes<i16, Which>(codes, q, units, pieces, steps, start, scales, floats);
  } else {
    const to = workspaceStart();
    startPlanes<Which>(to, start);
    fourPlanesPlain<Which>(codes, q, units, pieces, steps, to);
    fourPlanesPlain<Which>(codes + 16, q, units, pieces, steps, to + 16);
    for (let at: usize = 0; at < 128; at += 32) addBothScaled(to + at, scales + at, floats + at);
  }
}

/**
 * Adds s·Σ m·q·w of a group, in pieces of `steps` groups of four columns, to the floats [planes, 8 lanes].
 * @param sum Σ m·q of the group
 * @param scales [planes, 8 lanes], divided by the places of the planes
 */
export function addTernary(codes: usize, q: usize, units: usize, pieces: i32, steps: i32, sum: i32, scales: usize, floats: usize): void {
  sumsOfFour<Ternary>(codes, q, units, pieces, steps, -sum, scales, floats);
}

export function addBinary(codes: usize, q: usize, units: usize, pieces: i32, steps: i32, sum: i32, scales: usize, floats: usize): void {
  sumsOfFour<LowerBinary>(codes, q, units, pieces, steps, -sum, scales, floats);
  sumsOfFour<UpperBinary>(codes, q, units, pieces, steps, -sum, scales + 128, floats + 128);
}
