// The ternary product: int8 activations against packed ternary weights, in exact integers.
// Since Σ q·(w + 1) = Σ q·w + Σ q, the sum of a row's activations is subtracted once.

import { floatAt, shareStart } from "../../kernels/cpu/math.as";
import { nativeTernaryProduct } from "../../kernels/cpu/native.as";
import { byteDots, currentPhase, fusesVectors, planesBytes, planesStart, workspaceStart } from "../../kernels/cpu/workspace.as";
import {
  byteDotSixTokens,
  byteDotTwoRows,
  byteDotTwoTokens,
  longestByteRow,
  tokensTogether,
  unpackPlanes,
} from "./byteDot.as";
import { byteDotSixTokensWide, byteDotTwoRowsWide, bytesOfHalves } from "./byteDotWide.as";
import { dotTwoRows, dotTwoRowsWide, dotTwoTokens, dotTwoTokensWide } from "./dot.as";
import { bytesOfPlanes, dotEightTokens, eight, interleave, longestPlane, unpackCodes } from "./eightTokens.as";

@unmanaged
export class Product {
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

/** Activations that are read together with all weights should stay in the second-level cache. */
const tileBytes: i32 = 128 * 1024;
/** Of eight rows of activations, in a tile: rows of outputs lie pages apart, and few pages are found without a search. */
const maxEights: i32 = 16;
/** The same where each packed row is unpacked once for all of them. */
const wideTileBytes: i32 = 256 * 1024;

export function ternaryProduct(args: usize, thread: i32, threads: i32): void {
  multiply(changetype<Product>(args), thread, threads);
}

/** Threads share packed rows, which are groups of four output rows. */
export function multiply(p: Product, thread: i32, threads: i32): void {
  if (nativeTernaryProduct(changetype<usize>(p), thread, threads, currentPhase())) return;
  const packed = (p.out + 3) >> 2;
  const from = shareStart(packed, 1, thread, threads);
  const end = shareStart(packed, 1, thread + 1, threads);
  const tile = unpacksPlanes(p)
    ? max(wideTileBytes / p.stride / tokensTogether, 1) * tokensTogether
    : min(max((tileBytes / p.stride) & ~(eight - 1), eight), eight * maxEights);
  for (let row = 0; row < p.rows; row += tile) {
    const rows = min(tile, p.rows - row);
    if (rows == 1) productOfRow(p, row, from, end);
    else if (rows >= tokensTogether && unpacksPlanes(p)) productOfPlanes(p, row, rows, from, end);
    else if (takesEights(p, rows)) productOfEights(p, row, rows, from, end);
    else productOfRows(p, row, rows, from, end);
  }
}

/**
 * One row of activations: two packed rows at a time, so that activations are loaded once for both. The two
 * come from the two halves of the share, so that each is a stream that the machine's prefetcher can follow.
 */
function productOfRow(p: Product, row: i32, from: i32, end: i32): void {
  const half = (end - from) >> 1;
  for (let r = from; r < from + half; r++) twoRows(p, row, r, r + half);
  if ((end - from) & 1) twoRows(p, row, end - 1, end - 1);
}

/** Packed rows a and b, which may be the same, with one row of activations. */
// @ts-ignore: decorator
@inline
function twoRows(p: Product, row: i32, a: i32, b: i32): void {
  const sums = workspaceStart();
  const q = p.q + <usize>row * <usize>p.stride;
  const codesA = p.codes + <usize>a * <usize>p.width;
  const codesB = p.codes + <usize>b * <usize>p.width;
  if (addsBytes(p) && fuses(p)) byteDotTwoRowsWide(codesA, codesB, q, p.stride, sums);
  else if (addsBytes(p)) byteDotTwoRows(codesA, codesB, q, p.stride, sums);
  else if (fusesVectors()) dotTwoRowsWide(codesA, codesB, q, p.stride, sums);
  else dotTwoRows(codesA, codesB, q, p.stride, sums);
  finish(p, row, a, sums);
  if (b != a) finish(p, row, b, sums + 16);
}

/** Whether packed rows are unpacked to memory first. */
// @ts-ignore: decorator
@inline
function unpacksPlanes(p: Product): bool {
  return addsBytes(p) && <usize>(4 * p.stride) <= planesBytes - bytesOfHalves;
}

/** Whether the machine fuses vectors, and rows are whole pairs of them. */
// @ts-ignore: decorator
@inline
function fuses(p: Product): bool {
  return fusesVectors() && (p.stride & 31) == 0;
}

/** Many rows of activations: each packed row is unpacked once for all of them. */
function productOfPlanes(p: Product, row: i32, rows: i32, from: i32, end: i32): void {
  const sums = planesStart();
  const planes = sums + bytesOfHalves;
  const whole = row + (rows / tokensTogether) * tokensTogether;
  for (let r = from; r < end; r++) {
    unpackPlanes(p.codes + <usize>r * <usize>p.width, p.stride, planes);
    for (let i = row; i < whole; i += tokensTogether) {
      const q = p.q + <usize>i * <usize>p.stride;
      if (fuses(p)) byteDotSixTokensWide(planes, q, p.stride, sums);
      else byteDotSixTokens(planes, q, p.stride, sums);
      for (let t = 0; t < tokensTogether; t++) finish(p, i + t, r, sums + 16 * <usize>t);
    }
  }
  if (whole < row + rows) productOfRows(p, whole, row + rows - whole, from, end);
}

/**
 * Whether eight rows of activations are taken together: plain SIMD adds products of columns that are not neighbours. With
 * fused vectors, unpacking a row pays from the second eight on.
 */
// @ts-ignore: decorator
@inline
function takesEights(p: Product, rows: i32): bool {
  const fewest = fusesVectors() ? 2 * eight : eight;
  return ASC_FEATURE_RELAXED_SIMD && rows >= fewest && !addsBytes(p) && p.stride <= longestPlane;
}

/** At most a tile of rows of activations: each packed row is unpacked once for all of them. */
function productOfEights(p: Product, row: i32, rows: i32, from: i32, end: i32): void {
  const planes = planesStart();
  const sums = planes + bytesOfPlanes;
  const q = sums + <usize>maxEights * 4 * eightSums;
  const stride = <usize>p.stride;
  const eights = rows / eight;
  for (let i = 0; i < eights; i++) interleave(p.q + <usize>(row + eight * i) * stride, p.stride, q + <usize>(eight * i) * stride);
  for (let r = from; r < end; r += 4) {
    const count = min(4, end - r);
    for (let k = 0; k < count; k++) {
      unpackCodes(p.codes + <usize>(r + k) * <usize>p.width, p.stride, planes);
      for (let i = 0; i < eights; i++) dotEightTokens(planes, q + <usize>(eight * i) * stride, p.stride, sums + <usize>(4 * i + k) * eightSums);
    }
    for (let i = 0; i < eights; i++) finishEight(p, row + eight * i, r, count, sums + <usize>(4 * i) * eightSums);
  }
  if (eight * eights < rows) productOfRows(p, row + eight * eights, rows - eight * eights, from, end);
}

/** The sums of a packed row with eight rows of activations: of four planes, 32 bytes each. */
const eightSums: usize = 128;

/** `finish` for eight rows of activations and `count` packed rows from r on, at most four, from the sums of each. */
function finishEight(p: Product, row: i32, r: i32, count: i32, sums: usize): void {
  const packed = (p.out + 3) >> 2;
  for (let plane = 0; plane < 4; plane++) {
    const out = r + plane * packed;
    const there = min(count, p.out - out);
    finishFour(p, row, out, there, sums);
    finishFour(p, row + 4, out, there, sums + 16);
    sums += 32;
  }
}

/** Four rows of activations, and outputs [out, out + count), at most four. */
function finishFour(p: Product, row: i32, out: i32, count: i32, sums: usize): void {
  const at = (<usize>row) << 2;
  const factors = f32x4.mul(v128.load32_splat(p.scale), v128.load(p.step + at));
  const own = v128.load(p.sum + at);
  const a = scaled(sums, own, factors);
  const next = (<usize>p.out) << 2;
  let y = floatAt(p.y, row, p.out) + ((<usize>out) << 2);
  if (count < 4) {
    for (let i = 0; i < count; i++, y += 4) {
      const values = scaled(sums + <usize>i * eightSums, own, factors);
      v128.store32_lane(y, values, 0);
      v128.store32_lane(y + next, values, 1);
      v128.store32_lane(y + 2 * next, values, 2);
      v128.store32_lane(y + 3 * next, values, 3);
    }
    return;
  }
  const b = scaled(sums + eightSums, own, factors);
  const c = scaled(sums + 2 * eightSums, own, factors);
  const d = scaled(sums + 3 * eightSums, own, factors);
  const ab = i32x4.shuffle(a, b, 0, 4, 1, 5);
  const cd = i32x4.shuffle(c, d, 0, 4, 1, 5);
  v128.store(y, i32x4.shuffle(ab, cd, 0, 1, 4, 5));
  v128.store(y + next, i32x4.shuffle(ab, cd, 2, 3, 6, 7));
  const abHigh = i32x4.shuffle(a, b, 2, 6, 3, 7);
  const cdHigh = i32x4.shuffle(c, d, 2, 6, 3, 7);
  v128.store(y + 2 * next, i32x4.shuffle(abHigh, cdHigh, 0, 1, 4, 5));
  v128.store(y + 3 * next, i32x4.shuffle(abHigh, cdHigh, 2, 3, 6, 7));
}

/** The outputs of four rows of activations from their sums. */
// @ts-ignore: decorator
@inline
function scaled(sums: usize, own: v128, factors: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.sub(v128.load(sums), own)), factors);
}

/** Several rows of activations: each packed row is unpacked once for two of them. */
function productOfRows(p: Product, row: i32, rows: i32, from: i32, end: i32): void {
  const sums = workspaceStart();
  for (let r = from; r < end; r++) {
    const codes = p.codes + <usize>r * <usize>p.width;
    for (let i = row; i < row + rows; i += 2) {
      const q = p.q + <usize>i * <usize>p.stride;
      const isPair = i + 1 < row + rows;
      const next = isPair ? q + <usize>p.stride : q;
      if (addsBytes(p) && !fuses(p)) byteDotTwoTokens(codes, q, next, p.stride, sums);
      else if (fusesVectors()) dotTwoTokensWide(codes, q, next, p.stride, sums);
      else dotTwoTokens(codes, q, next, p.stride, sums);
      finish(p, i, r, sums);
      if (isPair) finish(p, i + 1, r, sums + 16);
    }
  }
}

/** Whether the machine adds products of bytes, and the sums of a row of this length fit in 32 bits. */
// @ts-ignore: decorator
@inline
function addsBytes(p: Product): bool {
  return byteDots() && p.stride <= longestByteRow;
}

/** (Σ q·code − Σ q)·t/s for the four output rows of packed row r, from the planes' sums at `planes`. */
// @ts-ignore: decorator
@inline
function finish(p: Product, row: i32, r: i32, planes: usize): void {
  const at = (<usize>row) << 2;
  const factor = f32x4.splat(load<f32>(p.scale) * load<f32>(p.step + at));
  const sums = i32x4.sub(v128.load(planes), v128.load32_splat(p.sum + at));
  const values = f32x4.mul(f32x4.convert_i32x4_s(sums), factor);
  const packed = (p.out + 3) >> 2;
  const y = floatAt(p.y, row, p.out) + ((<usize>r) << 2);
  const plane = (<usize>packed) << 2;
  store<f32>(y, f32x4.extract_lane(values, 0));
  if (r + packed < p.out) store<f32>(y + plane, f32x4.extract_lane(values, 1));
  if (r + 2 * packed < p.out) store<f32>(y + 2 * plane, f32x4.extract_lane(values, 2));
  if (r + 3 * packed < p.out) store<f32>(y + 3 * plane, f32x4.extract_lane(values, 3));
}
