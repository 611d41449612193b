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

/** One row of activations: two packed rows at a time, so that activations are loaded once for both. */
function productOfRow(p: Product, row: i32, from: i32, end: i32): void {
  const sums = workspaceStart();
  const q = p.q + <usize>row * <usize>p.stride;
  let r = from;
  for (; r + 1 < end; r += 2) {
    const codes = p.codes + <usize>r * <usize>p.width;
    dotTwoRows(codes, codes + <usize>p.width, q, p.stride, sums);
    finish(p, row, r, sums);
    finish(p, row, r + 1, sums + 16);
  }
  if (r < end) {
    const codes = p.codes + <usize>r * <usize>p.width;
    dotTwoRows(codes, codes, q, p.stride, sums);
    finish(p, row, r, sums);
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
      finish(p, i + 1, r, sums + 16);
    }
    if (i < row + rows) {
      const q = p.q + <usize>i * <usize>p.stride;
      dotTwoTokens(codes, q, q, p.stride, sums);
      finish(p, i, r, sums);
    }
  }
}

/** (Σ q·code − Σ q)·t/s for the four output rows of packed row r; `planes` holds the four sums. */
// @ts-ignore: decorator
@inline
function finish(p: Product, row: i32, r: i32, planes: usize): void {
  const at = (<usize>row) << 2;
  const packed = (p.out + 3) >> 2;
  const factor = load<f32>(p.scale) * load<f32>(p.step + at);
  const offset = load<i32>(p.sum + at);
  const y = floatAt(p.y, row, p.out);
  for (let plane = 0; plane < 4; plane++) {
    const outRow = r + plane * packed;
    if (outRow >= p.out) return;
    const sum = load<i32>(planes + ((<usize>plane) << 2)) - offset;
    store<f32>(y + ((<usize>outRow) << 2), <f32>sum * factor);
  }
}

/**
 * Sums of pairs of products in 16 bits may gather 16 vectors before they overflow: a product is at most 128·8
 * in size, a pair twice that, and 16 pairs reach −32,768 but never +32,768.
 */
const bytesPerFlush: i32 = 16 * 16;

/** Products of int8 activations with codes, added in pairs: eight 16-bit sums. */
// @ts-ignore: decorator
@inline
function pairs(q: v128, codes: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.relaxed_dot_i8x16_i7x16_s(q, codes);
  return i16x8.add(i16x8.extmul_low_i8x16_s(q, codes), i16x8.extmul_high_i8x16_s(q, codes));
}

// @ts-ignore: decorator
@inline
function widen(sum: v128, pairs: v128): v128 {
  return i32x4.add(sum, i32x4.extadd_pairwise_i16x8_s(pairs));
}

// @ts-ignore: decorator
@inline
function total(v: v128): i32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
}

// @ts-ignore: decorator
@inline
function keep(to: usize, s0: v128, s1: v128, s2: v128, s3: v128): void {
  store<i32>(to, total(s0));
  store<i32>(to, total(s1) >> 2, 4);
  store<i32>(to, total(s2), 8);
  store<i32>(to, total(s3) >> 2, 12);
}

/** Σ q·code of two packed rows with one row of activations: eight sums to `to`. */
function dotTwoRows(codesA: usize, codesB: usize, q: usize, stride: i32, to: usize): void {
  const zero = i32x4.splat(0);
  const low = i8x16.splat(3);
  const high = i8x16.splat(12);
  let a0 = zero;
  let a1 = zero;
  let a2 = zero;
  let a3 = zero;
  let b0 = zero;
  let b1 = zero;
  let b2 = zero;
  let b3 = zero;
  for (let k = 0; k < stride; ) {
    const flush = min(k + bytesPerFlush, stride);
    let p0 = zero;
    let p1 = zero;
    let p2 = zero;
    let p3 = zero;
    let r0 = zero;
    let r1 = zero;
    let r2 = zero;
    let r3 = zero;
    for (; k < flush; k += 16) {
      const x = v128.load(q + <usize>k);
      const a = v128.load(codesA + <usize>k);
      p0 = i16x8.add(p0, pairs(x, v128.and(a, low)));
      p1 = i16x8.add(p1, pairs(x, v128.and(a, high)));
      const aHigh = i16x8.shr_u(a, 4);
      p2 = i16x8.add(p2, pairs(x, v128.and(aHigh, low)));
      p3 = i16x8.add(p3, pairs(x, v128.and(aHigh, high)));
      const b = v128.load(codesB + <usize>k);
      r0 = i16x8.add(r0, pairs(x, v128.and(b, low)));
      r1 = i16x8.add(r1, pairs(x, v128.and(b, high)));
      const bHigh = i16x8.shr_u(b, 4);
      r2 = i16x8.add(r2, pairs(x, v128.and(bHigh, low)));
      r3 = i16x8.add(r3, pairs(x, v128.and(bHigh, high)));
    }
    a0 = widen(a0, p0);
    a1 = widen(a1, p1);
    a2 = widen(a2, p2);
    a3 = widen(a3, p3);
    b0 = widen(b0, r0);
    b1 = widen(b1, r1);
    b2 = widen(b2, r2);
    b3 = widen(b3, r3);
  }
  keep(to, a0, a1, a2, a3);
  keep(to + 16, b0, b1, b2, b3);
}

/** Σ q·code of one packed row with two rows of activations: eight sums to `to`. */
function dotTwoTokens(codes: usize, qA: usize, qB: usize, stride: i32, to: usize): void {
  const zero = i32x4.splat(0);
  const low = i8x16.splat(3);
  const high = i8x16.splat(12);
  let a0 = zero;
  let a1 = zero;
  let a2 = zero;
  let a3 = zero;
  let b0 = zero;
  let b1 = zero;
  let b2 = zero;
  let b3 = zero;
  for (let k = 0; k < stride; ) {
    const flush = min(k + bytesPerFlush, stride);
    let p0 = zero;
    let p1 = zero;
    let p2 = zero;
    let p3 = zero;
    let r0 = zero;
    let r1 = zero;
    let r2 = zero;
    let r3 = zero;
    for (; k < flush; k += 16) {
      const w = v128.load(codes + <usize>k);
      const x = v128.load(qA + <usize>k);
      const y = v128.load(qB + <usize>k);
      const w0 = v128.and(w, low);
      p0 = i16x8.add(p0, pairs(x, w0));
      r0 = i16x8.add(r0, pairs(y, w0));
      const w1 = v128.and(w, high);
      p1 = i16x8.add(p1, pairs(x, w1));
      r1 = i16x8.add(r1, pairs(y, w1));
      const shifted = i16x8.shr_u(w, 4);
      const w2 = v128.and(shifted, low);
      p2 = i16x8.add(p2, pairs(x, w2));
      r2 = i16x8.add(r2, pairs(y, w2));
      const w3 = v128.and(shifted, high);
      p3 = i16x8.add(p3, pairs(x, w3));
      r3 = i16x8.add(r3, pairs(y, w3));
    }
    a0 = widen(a0, p0);
    a1 = widen(a1, p1);
    a2 = widen(a2, p2);
    a3 = widen(a3, p3);
    b0 = widen(b0, r0);
    b1 = widen(b1, r1);
    b2 = widen(b2, r2);
    b3 = widen(b3, r3);
  }
  keep(to, a0, a1, a2, a3);
  keep(to + 16, b0, b1, b2, b3);
}
