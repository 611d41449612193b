// C (+)= scale·A·B in f32, for dense layers and the backward passes. Blocks of A and B are packed into panels that fit
// the caches; B may be stored as floats, transposed floats of any type, packed ternary weights or int8 codes,
// and becomes f32 while it is packed.
//
// K is always split at the same places, so an element of C has the same bits for any number of threads.

import { halvesToFloats, multiplyAdd, shareStart } from "./math.as";
import { nativeDenseProduct } from "./native.as";
import { Optional } from "./optional.as";
import { turnHalves } from "./turnHalves.as";
import { workspaceStart } from "./workspace.as";

/** Rows of C that a micro-kernel computes; rows of a panel of A. */
const MR: i32 = 6;
/** Columns of C that a micro-kernel computes; columns of a panel of B. */
const NR: i32 = 8;
/** Rows, depth and columns of a block: A's panels take 60 KiB, B's 256 KiB. */
const MC: i32 = 60;
const KC: i32 = 256;
const NC: i32 = 256;

/** How B is stored. */
export const FLOATS: i32 = 0; // f32 [K, N]
export const TERNARY: i32 = 1; // packed ternary weights of shape [K, N]
export const INT8: i32 = 2; // int8 [K, N], row k times rowScale[k]
export const FLOATS_ALONG_K: i32 = 3; // f32 [N, K]: a matrix of weights [out, in] as it is stored
export const HALVES_ALONG_K: i32 = 4; // f16 [N, K]
export const BFLOATS_ALONG_K: i32 = 5; // bf16 [N, K]
export const INT8_ALONG_K: i32 = 6; // int8 [N, K], row n times rowScale[n]

@unmanaged
export class Gemm {
  c: usize; // [M, N], rows of ldc floats
  ldc: i32;
  accumulate: Optional; // 0: C = …, else the matrix (laid out like C) to which the product is added
  scale: Optional; // [1]: factor of the product; 0: none
  a: usize; // element (m, k) at a + 4·(m·strideM + k·strideK)
  strideM: i32;
  strideK: i32;
  b: usize;
  ldb: i32; // elements between rows of B
  kind: i32;
  rowScale: Optional; // [K] f32, for INT8; [N] for INT8_ALONG_K
  M: i32;
  N: i32;
  K: i32;
}

/** A piece of C: a share of its columns, or what a native kernel takes for one. */
export function gemmPiece(g: Gemm, piece: i32, pieces: i32): void {
  if (nativeDenseProduct(changetype<usize>(g), piece, pieces)) return;
  const from = shareStart(g.N, 8, piece, pieces);
  const end = shareStart(g.N, 8, piece + 1, pieces);
  const alpha: f32 = g.scale ? load<f32>(g.scale) : 1;
  const panelsA = workspaceStart();
  const panelsB = panelsA + <usize>(MC * KC * 4);
  for (let n = from; n < end; n += NC) {
    const columns = min(NC, end - n);
    for (let k = 0; k < g.K; k += KC) {
      const depth = min(KC, g.K - k);
      packB(g, panelsB, k, depth, n, columns);
      for (let m = 0; m < g.M; m += MC) {
        const rows = min(MC, g.M - m);
        packA(g, panelsA, m, rows, k, depth);
        block(g, panelsA, panelsB, m, rows, n, columns, depth, alpha, k == 0);
      }
    }
  }
}

/** Panels of six rows, k by k; rows past the end are zero. */
function packA(g: Gemm, panels: usize, m: i32, rows: i32, k: i32, depth: i32): void {
  const strideM = (<usize>g.strideM) << 2;
  const strideK = (<usize>g.strideK) << 2;
  let to = panels;
  for (let i = 0; i < rows; i += MR) {
    const from = g.a + <usize>(m + i) * strideM + <usize>k * strideK;
    const left = rows - i;
    const bytes = (<usize>depth * MR) << 2;
    if (left < MR) packEdge(from, strideM, strideK, left, depth, to);
    else if (g.strideM == 1) packColumns(from, strideK, to, to + bytes);
    else packRows(from, strideM, strideK, to, to + bytes);
    to += bytes;
  }
}

/** Rows whose elements are neighbours in memory. */
// @ts-ignore: decorator
@inline
function packColumns(from: usize, strideK: usize, to: usize, end: usize): void {
  for (; to < end; to += 4 * MR) {
    v128.store(to, v128.load(from));
    store<u64>(to, load<u64>(from, 16), 16);
    from += strideK;
  }
}

// @ts-ignore: decorator
@inline
function packRows(from: usize, strideM: usize, strideK: usize, to: usize, end: usize): void {
  for (; to < end; to += 4 * MR) {
    const half = from + 3 * strideM;
    store<f32>(to, load<f32>(from));
    store<f32>(to, load<f32>(from + strideM), 4);
    store<f32>(to, load<f32>(from + 2 * strideM), 8);
    store<f32>(to, load<f32>(half), 12);
    store<f32>(to, load<f32>(half + strideM), 16);
    store<f32>(to, load<f32>(half + 2 * strideM), 20);
    from += strideK;
  }
}

function packEdge(from: usize, strideM: usize, strideK: usize, left: i32, depth: i32, to: usize): void {
  for (let j = 0; j < depth; j++) {
    for (let row = 0; row < MR; row++) {
      const value: f32 = row < left ? load<f32>(from + <usize>row * strideM + <usize>j * strideK) : 0;
      store<f32>(to + ((<usize>(j * MR + row)) << 2), value);
    }
  }
}

/** Element (k, n) of B as a float. */
export function elementB(g: Gemm, k: i32, n: i32): f32 {
  if (g.kind == TERNARY) {
    const packed = (g.K + 3) >> 2;
    const plane = k / packed;
    const byte = <u32>load<u8>(g.b + <usize>(k - plane * packed) * <usize>g.ldb + <usize>n);
    return <f32>(<i32>((byte >> (<u32>plane << 1)) & 3) - 1);
  }
  if (g.kind >= FLOATS_ALONG_K) return f32x4.extract_lane(alongK(g, k, n), 0);
  if (g.kind == INT8) {
    return <f32>load<i8>(g.b + <usize>k * <usize>g.ldb + <usize>n) * load<f32>(g.rowScale + ((<usize>k) << 2));
  }
  return load<f32>(g.b + ((<usize>k * <usize>g.ldb + <usize>n) << 2));
}

/** Panels of eight columns, k by k; columns past the end are zero. */
function packB(g: Gemm, panels: usize, k: i32, depth: i32, n: i32, columns: i32): void {
  let to = panels;
  for (let j = 0; j < columns; j += NR) {
    if (columns - j < NR) {
      for (let i = 0; i < depth; i++) {
        for (let c = 0; c < NR; c++) {
          store<f32>(to + ((<usize>(i * NR + c)) << 2), j + c < columns ? elementB(g, k + i, n + j + c) : 0);
        }
      }
    } else if (g.kind == TERNARY) {
      packTernaryPanel(g, to, k, depth, n + j);
    } else if (g.kind == INT8) {
      packInt8Panel(g, to, k, depth, n + j);
    } else if (g.kind >= FLOATS_ALONG_K) {
      packPanelAlongK(g, to, k, depth, n + j);
    } else {
      for (let i = 0; i < depth; i++) {
        const from = g.b + ((<usize>(k + i) * <usize>g.ldb + <usize>(n + j)) << 2);
        v128.store(to + ((<usize>i) << 5), v128.load(from));
        v128.store(to + ((<usize>i) << 5), v128.load(from, 16), 16);
      }
    }
    to += (<usize>depth * NR) << 2;
  }
}

function packTernaryPanel(g: Gemm, to: usize, k: i32, depth: i32, n: i32): void {
  const packed = (g.K + 3) >> 2;
  const one = i16x8.splat(1);
  const mask = i16x8.splat(3);
  for (let i = 0; i < depth; i++) {
    const plane = (k + i) / packed;
    const bytes = v128.load64_zero(g.b + <usize>(k + i - plane * packed) * <usize>g.ldb + <usize>n);
    const wide = i16x8.shr_u(i16x8.extend_low_i8x16_u(bytes), plane << 1);
    const values = i16x8.sub(v128.and(wide, mask), one);
    const p = to + ((<usize>i) << 5);
    v128.store(p, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(values)));
    v128.store(p, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(values)), 16);
  }
}

function packInt8Panel(g: Gemm, to: usize, k: i32, depth: i32, n: i32): void {
  for (let i = 0; i < depth; i++) {
    const scale = f32x4.splat(load<f32>(g.rowScale + ((<usize>(k + i)) << 2)));
    const values = v128.load8x8_s(g.b + <usize>(k + i) * <usize>g.ldb + <usize>n);
    const p = to + ((<usize>i) << 5);
    v128.store(p, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(values)), scale));
    v128.store(p, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(values)), scale), 16);
  }
}

/** Elements (k … k + 3, n) of a B that is stored along K; those past its end are undefined. */
// @ts-ignore: decorator
@inline
export function alongK(g: Gemm, k: i32, n: i32): v128 {
  const at = <usize>n * <usize>g.ldb + <usize>k;
  if (g.kind == FLOATS_ALONG_K) return v128.load(g.b + (at << 2));
  if (g.kind == INT8_ALONG_K) {
    const codes = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(g.b + at)));
    return f32x4.mul(f32x4.convert_i32x4_s(codes), v128.load32_splat(g.rowScale + ((<usize>n) << 2)));
  }
  const bits = i32x4.extend_low_i16x8_u(v128.load64_zero(g.b + (at << 1)));
  return g.kind == HALVES_ALONG_K ? halvesToFloats(bits) : i32x4.shl(bits, 16);
}

/** A panel of eight columns of a B that is stored along K. */
export function packPanelAlongK(g: Gemm, to: usize, k: i32, depth: i32, n: i32): void {
  let i = 0;
  if (g.kind == HALVES_ALONG_K || g.kind == BFLOATS_ALONG_K) {
    const stride = (<usize>g.ldb) << 1;
    let from = g.b + <usize>n * stride + ((<usize>k) << 1);
    const bfloats = g.kind == BFLOATS_ALONG_K;
    for (; i + 8 <= depth && turnHalves(to, from, stride, bfloats); i += 8) {
      to += 8 * 32;
      from += 16;
    }
  }
  for (; i + 4 <= depth; i += 4) {
    transposeTo(to, alongK(g, k + i, n), alongK(g, k + i, n + 1), alongK(g, k + i, n + 2), alongK(g, k + i, n + 3));
    transposeTo(to + 16, alongK(g, k + i, n + 4), alongK(g, k + i, n + 5), alongK(g, k + i, n + 6), alongK(g, k + i, n + 7));
    to += 4 * 32;
  }
  for (; i < depth; i++) {
    for (let c = 0; c < NR; c++) store<f32>(to + ((<usize>c) << 2), elementB(g, k + i, n + c));
    to += 32;
  }
}

/** Four columns as four rows of a panel. */
// @ts-ignore: decorator
@inline
function transposeTo(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = i32x4.shuffle(a, b, 0, 4, 1, 5);
  const cd = i32x4.shuffle(c, d, 0, 4, 1, 5);
  v128.store(to, i64x2.shuffle(ab, cd, 0, 2));
  v128.store(to, i64x2.shuffle(ab, cd, 1, 3), 32);
  const abHigh = i32x4.shuffle(a, b, 2, 6, 3, 7);
  const cdHigh = i32x4.shuffle(c, d, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(abHigh, cdHigh, 0, 2), 64);
  v128.store(to, i64x2.shuffle(abHigh, cdHigh, 1, 3), 96);
}

function block(
  g: Gemm,
  panelsA: usize,
  panelsB: usize,
  m: i32,
  rows: i32,
  n: i32,
  columns: i32,
  depth: i32,
  alpha: f32,
  first: bool,
): void {
  const sizeA = (<usize>depth * MR) << 2;
  const sizeB = (<usize>depth * NR) << 2;
  for (let j = 0; j < columns; j += NR) {
    const b = panelsB + <usize>(j / NR) * sizeB;
    for (let i = 0; i < rows; i += MR) {
      const a = panelsA + <usize>(i / MR) * sizeA;
      const offset = (<usize>(m + i) * <usize>g.ldc + <usize>(n + j)) << 2;
      const before = first ? (g.accumulate ? g.accumulate + offset : 0) : g.c + offset;
      micro(a, b, depth, alpha, g.c + offset, before, g.ldc, min(MR, rows - i), min(NR, columns - j));
    }
  }
}

/** A 6 × 8 tile of C in twelve registers: sums that take turns, since each multiplication waits for the last of its sum. */
function micro(
  a: usize,
  b: usize,
  depth: i32,
  alpha: f32,
  c: usize,
  before: usize,
  ldc: i32,
  rows: i32,
  columns: i32,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0);
  let c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0);
  let c51 = f32x4.splat(0);
  for (let k = 0; k < depth; k++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load32_splat(a);
    c00 = multiplyAdd(a0, b0, c00);
    c01 = multiplyAdd(a0, b1, c01);
    const a1 = v128.load32_splat(a, 4);
    c10 = multiplyAdd(a1, b0, c10);
    c11 = multiplyAdd(a1, b1, c11);
    const a2 = v128.load32_splat(a, 8);
    c20 = multiplyAdd(a2, b0, c20);
    c21 = multiplyAdd(a2, b1, c21);
    const a3 = v128.load32_splat(a, 12);
    c30 = multiplyAdd(a3, b0, c30);
    c31 = multiplyAdd(a3, b1, c31);
    const a4 = v128.load32_splat(a, 16);
    c40 = multiplyAdd(a4, b0, c40);
    c41 = multiplyAdd(a4, b1, c41);
    const a5 = v128.load32_splat(a, 20);
    c50 = multiplyAdd(a5, b0, c50);
    c51 = multiplyAdd(a5, b1, c51);
    a += 4 * MR;
    b += 32;
  }
  const row = (<usize>ldc) << 2;
  storeRow(c, before, alpha, c00, c01, columns);
  if (rows > 1) storeRow(c + row, before ? before + row : 0, alpha, c10, c11, columns);
  if (rows > 2) storeRow(c + 2 * row, before ? before + 2 * row : 0, alpha, c20, c21, columns);
  if (rows > 3) storeRow(c + 3 * row, before ? before + 3 * row : 0, alpha, c30, c31, columns);
  if (rows > 4) storeRow(c + 4 * row, before ? before + 4 * row : 0, alpha, c40, c41, columns);
  if (rows > 5) storeRow(c + 5 * row, before ? before + 5 * row : 0, alpha, c50, c51, columns);
}

// @ts-ignore: decorator
@inline
function storeRow(c: usize, before: usize, alpha: f32, low: v128, high: v128, columns: i32): void {
  const scale = f32x4.splat(alpha);
  if (columns == NR) {
    low = f32x4.mul(low, scale);
    high = f32x4.mul(high, scale);
    if (before) {
      low = f32x4.add(low, v128.load(before));
      high = f32x4.add(high, v128.load(before, 16));
    }
    v128.store(c, low);
    v128.store(c, high, 16);
  } else {
    storeEdge(c, before, alpha, low, high, columns);
  }
}

/** The first `columns` < 8 elements of a row, through the stack of a scratch line behind the panels. */
function storeEdge(c: usize, before: usize, alpha: f32, low: v128, high: v128, columns: i32): void {
  const line = workspaceStart() + <usize>((MC + NC) * KC * 4);
  v128.store(line, low);
  v128.store(line, high, 16);
  for (let j = 0; j < columns; j++) {
    const at = (<usize>j) << 2;
    const sum: f32 = before ? load<f32>(before + at) : 0;
    store<f32>(c + at, load<f32>(line + at) * alpha + sum);
  }
}
