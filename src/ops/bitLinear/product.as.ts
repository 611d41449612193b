// The ternary product: int8 activations against packed ternary weights, in exact integers.
//
// A byte of packed row r holds the codes (value + 1) of four output rows, two bits each. Masked in place, the
// codes of one output row are a bit plane: {0, 1, 2} or, one plane up, {0, 4, 8}, whose sums are scaled back at
// the end. Since Σ q·(w + 1) = Σ q·w + Σ q, the sum of a row's activations is subtracted once.
// Multiplying by a code selects 0, q or 2q: the machine's dot instruction is used as an adder.

import { floatAt, shareStart } from "../../engine/cpu/assembly/math.as";
import { workspaceStart } from "../../engine/cpu/assembly/workspace.as";

@unmanaged
class Product {
  q: usize; // [rows, stride] i8, zero past `width`
  step: usize; // [rows] f32
  sum: usize; // [rows] i32
  codes: usize; // packed ternary [ceil(out/4), width]
  scale: usize; // [1] f32
  y: usize; // [rows, out] f32
  rows: i32;
  width: i32;
  stride: i32;
  out: i32;
}

/** Activations that are walked together over all weights should stay in the second-level cache. */
const tileBytes: i32 = 128 * 1024;

/** Threads share packed rows, that is groups of four output rows. */
export function ternaryProduct(args: usize, thread: i32, threads: i32): void {
  const p = changetype<Product>(args);
  const packed = (p.out + 3) >> 2;
  const from = shareStart(packed, 1, thread, threads);
  const end = shareStart(packed, 1, thread + 1, threads);
  const tile = max((tileBytes / p.stride) & ~1, 2);
  for (let row = 0; row < p.rows; row += tile) {
    const rows = min(tile, p.rows - row);
    if (rows == 1) productOfRow(p, row, from, end);
    else productOfRows(p, row, rows, from, end);
  }
}

/**
 * One row of activations: two packed rows at a time, so that activations are loaded once for both. The two
 * come from the two halves of the share, so that each is a stream that the machine's prefetcher can follow.
 */
function productOfRow(p: Product, row: i32, from: i32, end: i32): void {
  const sums = workspaceStart();
  const q = p.q + <usize>row * <usize>p.stride;
  const half = (end - from) >> 1;
  for (let r = from; r < from + half; r++) {
    const codes = p.codes + <usize>r * <usize>p.width;
    dotTwoRows(codes, codes + <usize>half * <usize>p.width, q, p.stride, sums);
    finish(p, row, r, sums);
    finish(p, row, r + half, sums + 64);
  }
  if ((end - from) & 1) {
    const codes = p.codes + <usize>(end - 1) * <usize>p.width;
    dotTwoRows(codes, codes, q, p.stride, sums);
    finish(p, row, end - 1, sums);
  }
}

/** Several rows of activations: each packed row is unpacked once for two of them. */
function productOfRows(p: Product, row: i32, rows: i32, from: i32, end: i32): void {
  const sums = workspaceStart();
  for (let r = from; r < end; r++) {
    const codes = p.codes + <usize>r * <usize>p.width;
    let i = row;
    for (; i + 1 < row + rows; i += 2) {
      const q = p.q + <usize>i * <usize>p.stride;
      dotTwoTokens(codes, q, q + <usize>p.stride, p.stride, sums);
      finish(p, i, r, sums);
      finish(p, i + 1, r, sums + 64);
    }
    if (i < row + rows) {
      const q = p.q + <usize>i * <usize>p.stride;
      dotTwoTokens(codes, q, q, p.stride, sums);
      finish(p, i, r, sums);
    }
  }
}

/** (Σ q·code − Σ q)·t/s for the four output rows of packed row r, from partial sums at `parts`. */
// @ts-ignore: decorator
@inline
function finish(p: Product, row: i32, r: i32, parts: usize): void {
  const at = (<usize>row) << 2;
  const factor = f32x4.splat(load<f32>(p.scale) * load<f32>(p.step + at));
  const sums = i32x4.sub(reduce(parts), v128.load32_splat(p.sum + at));
  const values = f32x4.mul(f32x4.convert_i32x4_s(sums), factor);
  const packed = (p.out + 3) >> 2;
  const y = floatAt(p.y, row, p.out) + ((<usize>r) << 2);
  const plane = (<usize>packed) << 2;
  store<f32>(y, f32x4.extract_lane(values, 0));
  if (r + packed < p.out) store<f32>(y + plane, f32x4.extract_lane(values, 1));
  if (r + 2 * packed < p.out) store<f32>(y + 2 * plane, f32x4.extract_lane(values, 2));
  if (r + 3 * packed < p.out) store<f32>(y + 3 * plane, f32x4.extract_lane(values, 3));
}

/**
 * Sums of pairs of products in 16 bits may gather 16 vectors before they overflow: a product is at most 128·8
 * in size, a pair twice that, and 16 pairs reach −32,768 but never +32,768.
 */
const bytesPerFlush: usize = 16 * 16;

/** Plane masks, 3 and 12 in every byte. Loaded from memory: a constant would be built anew at every use. */
const masks = memory.data<u32>([
  0x03030303, 0x03030303, 0x03030303, 0x03030303, 0x0c0c0c0c, 0x0c0c0c0c, 0x0c0c0c0c, 0x0c0c0c0c,
]);

/** Products of int8 activations with codes, added in pairs: eight 16-bit sums. */
// @ts-ignore: decorator
@inline
function pairs(q: v128, codes: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.relaxed_dot_i8x16_i7x16_s(q, codes);
  return i16x8.add(i16x8.extmul_low_i8x16_s(q, codes), i16x8.extmul_high_i8x16_s(q, codes));
}

/** Adds eight 16-bit sums to the four 32-bit sums at `to`. */
// @ts-ignore: decorator
@inline
function addTo(to: usize, pairs: v128): void {
  v128.store(to, i32x4.add(v128.load(to), i32x4.extadd_pairwise_i16x8_s(pairs)));
}

/** Starts the 8 × 4 partial sums at `to`. */
// @ts-ignore: decorator
@inline
function clear(to: usize): void {
  for (let i: usize = 0; i < 128; i += 16) v128.store(to + i, i32x4.splat(0));
}

/** The sums of four planes, each in four parts at `from`, with the scale of the higher planes taken out. */
// @ts-ignore: decorator
@inline
function reduce(from: usize): v128 {
  const p0 = v128.load(from);
  const p1 = v128.load(from, 16);
  const p2 = v128.load(from, 32);
  const p3 = v128.load(from, 48);
  // Transposing as we add: two halves of two planes, then both halves of all four.
  const p01 = i32x4.add(i32x4.shuffle(p0, p1, 0, 4, 1, 5), i32x4.shuffle(p0, p1, 2, 6, 3, 7));
  const p23 = i32x4.add(i32x4.shuffle(p2, p3, 0, 4, 1, 5), i32x4.shuffle(p2, p3, 2, 6, 3, 7));
  const sums = i32x4.add(i32x4.shuffle(p01, p23, 0, 1, 4, 5), i32x4.shuffle(p01, p23, 2, 3, 6, 7));
  return i32x4.shuffle(sums, i32x4.shr_s(sums, 2), 0, 5, 2, 7);
}

/** Σ q·code of two packed rows with one row of activations: 8 × 4 partial sums to `to`. */
function dotTwoRows(codesA: usize, codesB: usize, q: usize, stride: i32, to: usize): void {
  clear(to);
  const end = q + <usize>stride;
  while (q < end) {
    // 32-bit sums stay in memory: held in registers they would push the 16-bit ones out of them.
    const flush = min(q + bytesPerFlush, end);
    const low = v128.load(masks);
    const high = v128.load(masks, 16);
    let a0 = i16x8.splat(0);
    let a1 = i16x8.splat(0);
    let a2 = i16x8.splat(0);
    let a3 = i16x8.splat(0);
    let b0 = i16x8.splat(0);
    let b1 = i16x8.splat(0);
    let b2 = i16x8.splat(0);
    let b3 = i16x8.splat(0);
    for (; q < flush; q += 16) {
      const x = v128.load(q);
      const a = v128.load(codesA);
      a0 = i16x8.add(a0, pairs(x, v128.and(a, low)));
      a1 = i16x8.add(a1, pairs(x, v128.and(a, high)));
      const aHigh = i16x8.shr_u(a, 4);
      a2 = i16x8.add(a2, pairs(x, v128.and(aHigh, low)));
      a3 = i16x8.add(a3, pairs(x, v128.and(aHigh, high)));
      const b = v128.load(codesB);
      b0 = i16x8.add(b0, pairs(x, v128.and(b, low)));
      b1 = i16x8.add(b1, pairs(x, v128.and(b, high)));
      const bHigh = i16x8.shr_u(b, 4);
      b2 = i16x8.add(b2, pairs(x, v128.and(bHigh, low)));
      b3 = i16x8.add(b3, pairs(x, v128.and(bHigh, high)));
      codesA += 16;
      codesB += 16;
    }
    addTo(to, a0);
    addTo(to + 16, a1);
    addTo(to + 32, a2);
    addTo(to + 48, a3);
    addTo(to + 64, b0);
    addTo(to + 80, b1);
    addTo(to + 96, b2);
    addTo(to + 112, b3);
  }
}

/** Σ q·code of one packed row with two rows of activations: 8 × 4 partial sums to `to`. */
function dotTwoTokens(codes: usize, qA: usize, qB: usize, stride: i32, to: usize): void {
  clear(to);
  const end = qA + <usize>stride;
  while (qA < end) {
    const flush = min(qA + bytesPerFlush, end);
    const low = v128.load(masks);
    const high = v128.load(masks, 16);
    let a0 = i16x8.splat(0);
    let a1 = i16x8.splat(0);
    let a2 = i16x8.splat(0);
    let a3 = i16x8.splat(0);
    let b0 = i16x8.splat(0);
    let b1 = i16x8.splat(0);
    let b2 = i16x8.splat(0);
    let b3 = i16x8.splat(0);
    for (; qA < flush; qA += 16) {
      const w = v128.load(codes);
      const x = v128.load(qA);
      const y = v128.load(qB);
      const w0 = v128.and(w, low);
      a0 = i16x8.add(a0, pairs(x, w0));
      b0 = i16x8.add(b0, pairs(y, w0));
      const w1 = v128.and(w, high);
      a1 = i16x8.add(a1, pairs(x, w1));
      b1 = i16x8.add(b1, pairs(y, w1));
      const shifted = i16x8.shr_u(w, 4);
      const w2 = v128.and(shifted, low);
      a2 = i16x8.add(a2, pairs(x, w2));
      b2 = i16x8.add(b2, pairs(y, w2));
      const w3 = v128.and(shifted, high);
      a3 = i16x8.add(a3, pairs(x, w3));
      b3 = i16x8.add(b3, pairs(y, w3));
      qB += 16;
      codes += 16;
    }
    addTo(to, a0);
    addTo(to + 16, a1);
    addTo(to + 32, a2);
    addTo(to + 48, a3);
    addTo(to + 64, b0);
    addTo(to + 80, b1);
    addTo(to + 96, b2);
    addTo(to + 112, b3);
  }
}
