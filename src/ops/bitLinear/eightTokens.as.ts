// The ternary product of eight rows of activations. A vector holds four columns of four rows, so that 16-bit sums of pairs
// of columns, added up, are sums of rows: no lanes are left to add in the end. Packed rows are unpacked to memory once for
// all rows of activations, and each four codes are loaded into all lanes.

import { clear, pairs } from "./dot.as";

/** Rows of activations that are taken together. */
export const eight: i32 = 8;

/** From one plane of a packed row to the next: no multiple of the lines that a cache keeps together. */
const planeBytes: usize = 16384 + 64;
/** The longest rows of activations whose planes find room. */
export const longestPlane: i32 = 16384;
export const bytesOfPlanes: usize = 4 * planeBytes;

/**
 * Columns whose products 16-bit lanes can accumulate: of every four columns, a lane takes two, whose products add up to
 * 2·128·2 in magnitude at most, so that 64 times four columns reach −32,768 but never +32,768.
 */
const columns: usize = 64 * 4;

/** 3 in every byte. Loaded from memory: a constant would be built again at every use. */
const mask = memory.data<u32>([0x03030303]);

/** A packed row as four rows of codes 0, 1 and 2. */
export function unpackCodes(codes: usize, stride: i32, to: usize): void {
  const low = v128.load32_splat(mask);
  for (const end = to + <usize>stride; to < end; to += 16) {
    const w = v128.load(codes);
    v128.store(to, v128.and(w, low));
    v128.store(to, v128.and(i16x8.shr_u(w, 2), low), planeBytes);
    v128.store(to, v128.and(i16x8.shr_u(w, 4), low), 2 * planeBytes);
    v128.store(to, v128.and(i16x8.shr_u(w, 6), low), 3 * planeBytes);
    codes += 16;
  }
}

/** Eight rows of activations as vectors of four columns of four rows: rows 0 to 3, then 4 to 7, then the next columns. */
export function interleave(q: usize, stride: i32, to: usize): void {
  const step = <usize>stride;
  interleaveFour(q, step, to);
  interleaveFour(q + 4 * step, step, to + 16);
}

function interleaveFour(q: usize, step: usize, to: usize): void {
  for (const end = q + step; q < end; q += 16) {
    const a = v128.load(q);
    const b = v128.load(q + step);
    const c = v128.load(q + 2 * step);
    const d = v128.load(q + 3 * step);
    const ab = i32x4.shuffle(a, b, 0, 4, 1, 5);
    const cd = i32x4.shuffle(c, d, 0, 4, 1, 5);
    v128.store(to, i32x4.shuffle(ab, cd, 0, 1, 4, 5));
    v128.store(to, i32x4.shuffle(ab, cd, 2, 3, 6, 7), 32);
    const abHigh = i32x4.shuffle(a, b, 2, 6, 3, 7);
    const cdHigh = i32x4.shuffle(c, d, 2, 6, 3, 7);
    v128.store(to, i32x4.shuffle(abHigh, cdHigh, 0, 1, 4, 5), 64);
    v128.store(to, i32x4.shuffle(abHigh, cdHigh, 2, 3, 6, 7), 96);
    to += 128;
  }
}

/** Adds the sums of rows 0 to 3, and of rows 4 to 7. Both are read before either is written, so that an engine can fuse them. */
// @ts-ignore: decorator
@inline
function addTo(to: usize, a: v128, b: v128): void {
  const low = i32x4.add(v128.load(to), i32x4.extadd_pairwise_i16x8_s(a));
  const high = i32x4.add(v128.load(to, 16), i32x4.extadd_pairwise_i16x8_s(b));
  v128.store(to, low);
  v128.store(to, high, 16);
}

/** Σ q·code of each plane: those of rows 0 to 3, then of rows 4 to 7, 16 bytes each. */
export function dotEightTokens(planes: usize, q: usize, stride: i32, to: usize): void {
  clear(to, 128);
  const end = planes + <usize>stride;
  while (planes < end) {
    const partEnd = min(planes + columns, end);
    let a0 = i16x8.splat(0);
    let a1 = i16x8.splat(0);
    let a2 = i16x8.splat(0);
    let a3 = i16x8.splat(0);
    let b0 = i16x8.splat(0);
    let b1 = i16x8.splat(0);
    let b2 = i16x8.splat(0);
    let b3 = i16x8.splat(0);
    for (; planes < partEnd; planes += 4) {
      const x = v128.load(q);
      const y = v128.load(q, 16);
      const w0 = v128.load32_splat(planes);
      a0 = i16x8.add(a0, pairs(x, w0));
      b0 = i16x8.add(b0, pairs(y, w0));
      const w1 = v128.load32_splat(planes, planeBytes);
      a1 = i16x8.add(a1, pairs(x, w1));
      b1 = i16x8.add(b1, pairs(y, w1));
      const w2 = v128.load32_splat(planes, 2 * planeBytes);
      a2 = i16x8.add(a2, pairs(x, w2));
      b2 = i16x8.add(b2, pairs(y, w2));
      const w3 = v128.load32_splat(planes, 3 * planeBytes);
      a3 = i16x8.add(a3, pairs(x, w3));
      b3 = i16x8.add(b3, pairs(y, w3));
      q += 32;
    }
    addTo(to, a0, b0);
    addTo(to + 32, a1, b1);
    addTo(to + 64, a2, b2);
    addTo(to + 96, a3, b3);
  }
}
