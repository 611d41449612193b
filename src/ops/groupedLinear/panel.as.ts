// Several rows of activations with a tile: the codes of a group are unpacked once, to a byte each, for all rows.

import { splatOf } from "../../kernels/cpu/math.as";
import { byteDots, workspaceStart } from "../../kernels/cpu/workspace.as";
import { addBothScaled, addBothTimes, addDots, addHigh, addLow, addProductsTimes, startBoth } from "./dots.as";
import { blockSize, blocksOf, pairAt } from "./rounding.as";
import { GroupedProduct, planeBytes, scalesOfGroup, tileLanes, writeTile } from "./tile.as";

/** Rows of activations that a tile is multiplied with at a time; their float sums take 256 bytes each. */
const maxRows: i32 = 256;

/** Where a thread keeps scales of a group, integer sums of two rows, unpacked codes, and float sums. */
const scalesAt: usize = 1024;
const integersAt: usize = scalesAt + 256;
const panelAt: usize = integersAt + 512;
/** 256 columns of 64 rows, at most. */
const floatsAt: usize = panelAt + 16384;

/** A tile of outputs of all rows, from output `first` on. */
export function panelTile(p: GroupedProduct, first: i32, height: i32): void {
  const rows = min(height, p.out - first);
  const planes = height / tileLanes;
  const lanes = (rows + planes - 1) / planes;
  const bytes = planeBytes(planes);
  const groups = p.width / p.group;
  const scales = workspaceStart() + scalesAt;
  const panel = workspaceStart() + panelAt;
  const floats = workspaceStart() + floatsAt;
  for (let row = 0; row < p.rows; row += maxRows) {
    const end = min(row + maxRows, p.rows);
    let codes = p.codes + <usize>(first / planes) * <usize>p.width;
    memory.fill(floats, 0, <usize>(end - row) * bytes);
    for (let g = 0; g < groups; g++) {
      unpack(codes, lanes, planes, p.group >> 2, panel);
      scalesOfGroup(p, first * groups + g * rows, rows, lanes, planes, scales);
      for (let r = row; r < end; r += 2) {
        twoRows(p, r, min(r + 1, end - 1), g, planes, floats + <usize>(r - row) * bytes);
      }
      codes += <usize>(p.group * lanes);
    }
    for (let r = row; r < end; r++) writeTile(p, r, first, rows, lanes, floats + <usize>(r - row) * bytes);
  }
}

const TERNARY: usize = 0;
const BINARY: usize = 1;
/** The code of a plane in each byte; see `splatOf`. */
const masks = memory.data<u32>([0x03030303, 0x02020202]);

/** Codes w + 1 of `steps` groups of four columns, as bytes [planes / 2, steps, 2, 8 lanes, 4]. */
function unpack(codes: usize, lanes: i32, planes: i32, steps: i32, to: usize): void {
  const bytes = (<usize>lanes) << 2;
  const apart = (<usize>steps) << 6;
  for (let step = 0; step < steps; step++) {
    for (let half: usize = 0; half < 32; half += 16) {
      const w = half < bytes ? lanesAt(codes + half, bytes - half) : i32x4.splat(0);
      if (planes == 4) unpackTernary(w, to + half, apart);
      else unpackBinary(w, to + half, apart);
    }
    codes += bytes;
    to += 64;
  }
}

// @ts-ignore: decorator
@inline
function unpackTernary(w: v128, to: usize, apart: usize): void {
  const mask = splatOf(masks, TERNARY);
  v128.store(to, v128.and(w, mask));
  v128.store(to, v128.and(i16x8.shr_u(w, 2), mask), 32);
  v128.store(to + apart, v128.and(i16x8.shr_u(w, 4), mask));
  v128.store(to + apart, v128.and(i16x8.shr_u(w, 6), mask), 32);
}

// @ts-ignore: decorator
@inline
function unpackBinary(w: v128, to: usize, apart: usize): void {
  const mask = splatOf(masks, BINARY);
  v128.store(to, v128.and(i16x8.shl(w, 1), mask));
  v128.store(to, v128.and(w, mask), 32);
  v128.store(to + apart, v128.and(i16x8.shr_u(w, 1), mask));
  v128.store(to + apart, v128.and(i16x8.shr_u(w, 2), mask), 32);
  v128.store(to + 2 * apart, v128.and(i16x8.shr_u(w, 3), mask));
  v128.store(to + 2 * apart, v128.and(i16x8.shr_u(w, 4), mask), 32);
  v128.store(to + 3 * apart, v128.and(i16x8.shr_u(w, 5), mask));
  v128.store(to + 3 * apart, v128.and(i16x8.shr_u(w, 6), mask), 32);
}

/** Up to four lanes. */
// @ts-ignore: decorator
@inline
function lanesAt(codes: usize, bytes: usize): v128 {
  if (bytes >= 16) return v128.load(codes);
  let w = v128.load32_zero(codes);
  if (bytes > 4) w = v128.load32_lane(codes, w, 1, 4);
  if (bytes > 8) w = v128.load32_lane(codes, w, 2, 8);
  return w;
}

/** Rows a and b, which may be the same, with a group of a tile; adds to their floats, one after the other. */
function twoRows(p: GroupedProduct, a: i32, b: i32, g: i32, planes: i32, floats: usize): void {
  const bytes = planeBytes(planes);
  const groups = p.width / p.group;
  const sumA = load<i32>(p.sums + ((<usize>(a * groups + g)) << 2));
  const sumB = load<i32>(p.sums + ((<usize>(b * groups + g)) << 2));
  const q = pairAt(p.q + <usize>g * <usize>p.group * <usize>((p.rows + 1) & ~1), a, p.group);
  const block = g * p.group / blockSize;
  const unitsA = p.units + ((<usize>(a * blocksOf(p.width) + block)) << 2);
  const unitsB = p.units + ((<usize>(b * blocksOf(p.width) + block)) << 2);
  const taken = min(p.group, blockSize);
  const pieces = p.group / taken;
  let codes = workspaceStart() + panelAt;
  let scales = workspaceStart() + scalesAt;
  for (const end = floats + bytes; floats < end; floats += 64) {
    fourVectors(codes, q, unitsA, unitsB, pieces, taken >> 2, -sumA, -sumB, scales, floats, floats + bytes);
    codes += <usize>p.group << 4;
    scales += 64;
  }
}

/**
 * Adds s·Σ m·q·w of both rows, with four vectors of codes w + 1 of each step, to four vectors of floats each.
 * @param startA −Σ m·q of the group, in row a
 */
// @ts-ignore: decorator
@inline
function fourVectors(codes: usize, q: usize, unitsA: usize, unitsB: usize, pieces: i32, steps: i32, startA: i32, startB: i32, scales: usize, floatsA: usize, floatsB: usize): void {
  const toA = workspaceStart() + integersAt;
  const toB = toA + 64;
  startBoth(toA, i32x4.splat(startA));
  startBoth(toA + 32, i32x4.splat(startA));
  startBoth(toB, i32x4.splat(startB));
  startBoth(toB + 32, i32x4.splat(startB));
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (byteDots()) fourVectorsInDots<i32>(codes, q, unitsA, unitsB, pieces, steps, toA, toB);
    else fourVectorsInDots<i16>(codes, q, unitsA, unitsB, pieces, steps, toA, toB);
  } else {
    fourVectorsPlain(codes, q, unitsA, pieces, steps, toA);
    fourVectorsPlain(codes, q + 4, unitsB, pieces, steps, toB);
  }
  addBothScaled(toA, scales, floatsA);
  addBothScaled(toA + 32, scales + 32, floatsA + 32);
  addBothScaled(toB, scales, floatsB);
  addBothScaled(toB + 32, scales + 32, floatsB + 32);
}

/** Adds Σ m·q·code of both rows to four vectors of sums each. */
function fourVectorsInDots<Sum>(codes: usize, q: usize, unitsA: usize, unitsB: usize, pieces: i32, steps: i32, toA: usize, toB: usize): void {
  for (let piece = 0; piece < pieces; piece++) {
    let a0 = i32x4.splat(0);
    let a1 = i32x4.splat(0);
    let a2 = i32x4.splat(0);
    let a3 = i32x4.splat(0);
    let b0 = i32x4.splat(0);
    let b1 = i32x4.splat(0);
    let b2 = i32x4.splat(0);
    let b3 = i32x4.splat(0);
    // Two steps at a time: a loop's own instructions would cost as much as a quarter of one.
    for (const end = q + ((<usize>steps) << 3); q < end; q += 16) {
      const x0 = v128.load32_splat(q);
      const y0 = v128.load32_splat(q, 4);
      const w00 = v128.load(codes);
      a0 = addDots<Sum>(a0, x0, w00);
      b0 = addDots<Sum>(b0, y0, w00);
      const w01 = v128.load(codes, 16);
      a1 = addDots<Sum>(a1, x0, w01);
      b1 = addDots<Sum>(b1, y0, w01);
      const w02 = v128.load(codes, 32);
      a2 = addDots<Sum>(a2, x0, w02);
      b2 = addDots<Sum>(b2, y0, w02);
      const w03 = v128.load(codes, 48);
      a3 = addDots<Sum>(a3, x0, w03);
      b3 = addDots<Sum>(b3, y0, w03);
      const x1 = v128.load32_splat(q, 8);
      const y1 = v128.load32_splat(q, 12);
      const w10 = v128.load(codes, 64);
      a0 = addDots<Sum>(a0, x1, w10);
      b0 = addDots<Sum>(b0, y1, w10);
      const w11 = v128.load(codes, 80);
      a1 = addDots<Sum>(a1, x1, w11);
      b1 = addDots<Sum>(b1, y1, w11);
      const w12 = v128.load(codes, 96);
      a2 = addDots<Sum>(a2, x1, w12);
      b2 = addDots<Sum>(b2, y1, w12);
      const w13 = v128.load(codes, 112);
      a3 = addDots<Sum>(a3, x1, w13);
      b3 = addDots<Sum>(b3, y1, w13);
      codes += 128;
    }
    const mA = v128.load32_splat(unitsA + ((<usize>piece) << 2));
    addBothTimes<Sum>(toA, a0, a1, mA);
    addBothTimes<Sum>(toA + 32, a2, a3, mA);
    const mB = v128.load32_splat(unitsB + ((<usize>piece) << 2));
    addBothTimes<Sum>(toB, b0, b1, mB);
    addBothTimes<Sum>(toB + 32, b2, b3, mB);
  }
}

/** One row, where bytes cannot be multiplied in pairs. */
function fourVectorsPlain(codes: usize, q: usize, units: usize, pieces: i32, steps: i32, to: usize): void {
  for (let piece = 0; piece < pieces; piece++) {
    let a0 = i32x4.splat(0);
    let a1 = i32x4.splat(0);
    let a2 = i32x4.splat(0);
    let a3 = i32x4.splat(0);
    let b0 = i32x4.splat(0);
    let b1 = i32x4.splat(0);
    let b2 = i32x4.splat(0);
    let b3 = i32x4.splat(0);
    for (const end = q + ((<usize>steps) << 3); q < end; q += 8) {
      const x = v128.load32_splat(q);
      const w0 = v128.load(codes);
      a0 = addLow(a0, x, w0);
      b0 = addHigh(b0, x, w0);
      const w1 = v128.load(codes, 16);
      a1 = addLow(a1, x, w1);
      b1 = addHigh(b1, x, w1);
      const w2 = v128.load(codes, 32);
      a2 = addLow(a2, x, w2);
      b2 = addHigh(b2, x, w2);
      const w3 = v128.load(codes, 48);
      a3 = addLow(a3, x, w3);
      b3 = addHigh(b3, x, w3);
      codes += 64;
    }
    const m = v128.load32_splat(units + ((<usize>piece) << 2));
    addProductsTimes(to, a0, b0, m);
    addProductsTimes(to + 16, a1, b1, m);
    addProductsTimes(to + 32, a2, b2, m);
    addProductsTimes(to + 48, a3, b3, m);
  }
}
