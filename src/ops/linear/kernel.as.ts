// Dense products with a matrix of weights [out, in]. A row of y has the same bits whether it is computed alone or among
// others, so that reading a text token by token or at once gives the same results.

import {
  alongK,
  BFLOATS_ALONG_K,
  elementB,
  Gemm,
  gemmPiece,
  HALVES_ALONG_K,
  packPanelAlongK,
} from "../../kernels/cpu/gemm.as";
import { loadLanes, multiplyAdd, shareStart, storeLanes } from "../../kernels/cpu/math.as";
import { nativeDenseProduct } from "../../kernels/cpu/native.as";
import { workspaceStart } from "../../kernels/cpu/workspace.as";

/** From this many rows on, blocks of panels are faster than a panel at a time. */
const fewestPanelRows: i32 = 4;

/** The depth of a block of the panel product, after which its sums are added to the rest. */
const blockDepth: i32 = 256;

/** y [rows, out] = x [rows, in] · Wᵀ, with W [out, in] as f32, f16, bf16 or int8 rows */
export function linearForward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<Gemm>(args);
  if (p.M >= fewestPanelRows) {
    gemmPiece(p, thread, threads);
    return;
  }
  if (nativeDenseProduct(args, thread, threads)) return;
  const from = shareStart(p.N, 8, thread, threads);
  const end = shareStart(p.N, 8, thread + 1, threads);
  const turnsHalves = p.kind == HALVES_ALONG_K || p.kind == BFLOATS_ALONG_K;
  for (let n = from; n < end; n += 8) {
    if (turnsHalves) {
      eightOfPanel(p, n, end);
    } else {
      for (let row = 0; row < p.M; row++) eightOutputs(p, row, n, end);
    }
  }
}

/** Outputs [n, n + 8) of one row, with a lane for each output and k in order, as in the panel product. */
function eightOutputs(p: Gemm, row: i32, n: i32, end: i32): void {
  const x = p.a + ((<usize>row * <usize>p.strideM) << 2);
  // Outputs past the end repeat the last one.
  const last = p.N - 1;
  const n1 = min(n + 1, last);
  const n2 = min(n + 2, last);
  const n3 = min(n + 3, last);
  const n4 = min(n + 4, last);
  const n5 = min(n + 5, last);
  const n6 = min(n + 6, last);
  const n7 = min(n + 7, last);
  let low = f32x4.splat(0);
  let high = f32x4.splat(0);
  for (let first = 0; first < p.K; first += blockDepth) {
    const limit = min(first + blockDepth, p.K);
    let a = f32x4.splat(0);
    let b = f32x4.splat(0);
    for (let k = first; k < limit; k += 4) {
      const at = x + ((<usize>k) << 2);
      const left = limit - k;
      const w0 = alongK(p, k, n);
      const w1 = alongK(p, k, n1);
      const w2 = alongK(p, k, n2);
      const w3 = alongK(p, k, n3);
      const u0 = i32x4.shuffle(w0, w1, 0, 4, 1, 5);
      const u1 = i32x4.shuffle(w2, w3, 0, 4, 1, 5);
      const u2 = i32x4.shuffle(w0, w1, 2, 6, 3, 7);
      const u3 = i32x4.shuffle(w2, w3, 2, 6, 3, 7);
      const w4 = alongK(p, k, n4);
      const w5 = alongK(p, k, n5);
      const w6 = alongK(p, k, n6);
      const w7 = alongK(p, k, n7);
      const v0 = i32x4.shuffle(w4, w5, 0, 4, 1, 5);
      const v1 = i32x4.shuffle(w6, w7, 0, 4, 1, 5);
      const v2 = i32x4.shuffle(w4, w5, 2, 6, 3, 7);
      const v3 = i32x4.shuffle(w6, w7, 2, 6, 3, 7);
      const x0 = v128.load32_splat(at);
      a = multiplyAdd(x0, i64x2.shuffle(u0, u1, 0, 2), a);
      b = multiplyAdd(x0, i64x2.shuffle(v0, v1, 0, 2), b);
      if (left > 1) {
        const x1 = v128.load32_splat(at, 4);
        a = multiplyAdd(x1, i64x2.shuffle(u0, u1, 1, 3), a);
        b = multiplyAdd(x1, i64x2.shuffle(v0, v1, 1, 3), b);
      }
      if (left > 2) {
        const x2 = v128.load32_splat(at, 8);
        a = multiplyAdd(x2, i64x2.shuffle(u2, u3, 0, 2), a);
        b = multiplyAdd(x2, i64x2.shuffle(v2, v3, 0, 2), b);
      }
      if (left > 3) {
        const x3 = v128.load32_splat(at, 12);
        a = multiplyAdd(x3, i64x2.shuffle(u2, u3, 1, 3), a);
        b = multiplyAdd(x3, i64x2.shuffle(v2, v3, 1, 3), b);
      }
    }
    low = first == 0 ? a : f32x4.add(a, low);
    high = first == 0 ? b : f32x4.add(b, high);
  }
  const y = p.c + ((<usize>row * <usize>p.ldc) << 2);
  storeLanes(y, n, end, low);
  if (n + 4 < end) storeLanes(y, n + 4, end, high);
}

/** The same of all rows, through a panel in memory: 16-bit weights are turned eight by eight. */
function eightOfPanel(p: Gemm, n: i32, end: i32): void {
  const panel = workspaceStart();
  for (let first = 0; first < p.K; first += blockDepth) {
    const depth = min(blockDepth, p.K - first);
    packEight(p, panel, first, depth, n);
    for (let row = 0; row < p.M; row++) {
      const y = p.c + ((<usize>row * <usize>p.ldc) << 2);
      let x = p.a + ((<usize>row * <usize>p.strideM + <usize>first) << 2);
      let low = f32x4.splat(0);
      let high = f32x4.splat(0);
      for (let at = panel, last = panel + ((<usize>depth) << 5); at < last; at += 32, x += 4) {
        const one = v128.load32_splat(x);
        low = multiplyAdd(one, v128.load(at), low);
        high = multiplyAdd(one, v128.load(at, 16), high);
      }
      if (first > 0) {
        low = f32x4.add(low, loadLanes(y, n, end));
        if (n + 4 < end) high = f32x4.add(high, loadLanes(y, n + 4, end));
      }
      storeLanes(y, n, end, low);
      if (n + 4 < end) storeLanes(y, n + 4, end, high);
    }
  }
}

/** The panel of weights of eight outputs; those past the end repeat the last one. */
function packEight(p: Gemm, panel: usize, k: i32, depth: i32, n: i32): void {
  if (n + 8 <= p.N) {
    packPanelAlongK(p, panel, k, depth, n);
    return;
  }
  for (let i = 0; i < depth; i++) {
    for (let c = 0; c < 8; c++) {
      store<f32>(panel + ((<usize>(8 * i + c)) << 2), elementB(p, k + i, min(n + c, p.N - 1)));
    }
  }
}

/** Both products of the backward pass: dx = dy·W + before and dW = dyᵀ·x + before. */
export function linearBackward(args: usize, thread: i32, threads: i32): void {
  gemmPiece(changetype<Gemm>(args), thread, threads);
}
