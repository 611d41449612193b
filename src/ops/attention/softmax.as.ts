// Attention of one query with a running softmax over tiles of keys; only one row of scores of a tile exists at a time.
// Tiles always begin at the same keys, so that a query gets the same bits however a sequence is split.

import { exp4, maxLanes, multiplyAdd, sumLanes } from "../../kernels/cpu/math.as";
import { workspaceStart } from "../../kernels/cpu/workspace.as";
import { fourAt, PAGE } from "../pages.as";

/** Keys of a tile; a page of a pool is one. */
export const TILE: i32 = PAGE;

/**
 * y = softmax(q·kᵀ/√d)·v over `keys` rows of k and v, `stride` bytes apart: the first ones, or, where `pages` is not 0,
 * those of the pages that it lists. T is f32, u16 for halves, or i8 for codes. Returns the scores' log-sum-exp.
 */
export function attend<T>(q: usize, k: usize, v: usize, pages: usize, stride: usize, keys: i32, d: i32, y: usize): f32 {
  const scores = workspaceStart();
  const scale: f32 = 1 / Mathf.sqrt(<f32>d);
  let top: f32 = -f32.MAX_VALUE;
  let sum: f32 = 0;
  for (let i = 0; i < d; i += 4) v128.store(y + ((<usize>i) << 2), f32x4.splat(0));
  for (let start = 0; start < keys; start += TILE) {
    const count = min(TILE, keys - start);
    const row = pages ? load<i32>(pages + ((<usize>(start / PAGE)) << 2)) * PAGE : start;
    const offset = <usize>row * stride;
    const higher = max(top, scoresOf<T>(q, k + offset, stride, count, d, scale, scores));
    const shrink = f32x4.extract_lane(exp4(f32x4.splat(top - higher)), 0);
    top = higher;
    let total = f32x4.splat(0);
    for (let j = 0; j < count; j += 4) {
      const at = scores + ((<usize>j) << 2);
      const weights = exp4(f32x4.sub(v128.load(at), f32x4.splat(top)));
      v128.store(at, weights);
      total = f32x4.add(total, j + 4 <= count ? weights : firstLanes(weights, count - j));
    }
    sum = sum * shrink + sumLanes(total);
    if (sizeof<T>() == 1) multiplyBySteps(scores, v + offset + <usize>d, stride, count);
    addWeighted<T>(y, v + offset, stride, count, d, shrink, scores);
  }
  const inverse = f32x4.splat(1 / sum);
  for (let i = 0; i < d; i += 4) {
    const at = y + ((<usize>i) << 2);
    v128.store(at, f32x4.mul(v128.load(at), inverse));
  }
  return top + Mathf.log(sum);
}

/** Weights of values that are codes, times the steps of these. */
function multiplyBySteps(weights: usize, steps: usize, stride: usize, count: i32): void {
  for (let j = 0; j < count; j++) {
    store<f32>(weights, load<f32>(weights) * load<f32>(steps));
    weights += 4;
    steps += stride;
  }
}

/** Lanes past `count` < 4 become zero. */
function firstLanes(v: v128, count: i32): v128 {
  v = f32x4.replace_lane(v, 3, 0);
  if (count < 3) v = f32x4.replace_lane(v, 2, 0);
  if (count < 2) v = f32x4.replace_lane(v, 1, 0);
  return v;
}

/** scores_j = q·k_j·scale for `count` rows of k, the last repeated to a multiple of four; returns the largest. */
export function scoresOf<T>(q: usize, k: usize, stride: usize, count: i32, d: i32, scale: f32, scores: usize): f32 {
  const last = k + <usize>(count - 1) * stride;
  let top = f32x4.splat(-f32.MAX_VALUE);
  for (let j = 0; j < count; j += 4) {
    const k0 = k + <usize>j * stride;
    const k1 = min(k0 + stride, last);
    const k2 = min(k1 + stride, last);
    const k3 = min(k2 + stride, last);
    let four = f32x4.mul(dotFour<T>(q, k0, k1, k2, k3, d), f32x4.splat(scale));
    if (sizeof<T>() == 1) four = f32x4.mul(four, fourSteps(k0, k1, k2, k3, <usize>d));
    v128.store(scores + ((<usize>j) << 2), four);
    top = f32x4.max(top, four);
  }
  return maxLanes(top);
}

/** The steps of four rows of codes. */
// @ts-ignore: decorator
@inline
function fourSteps(k0: usize, k1: usize, k2: usize, k3: usize, d: usize): v128 {
  let steps = v128.load32_zero(k0 + d);
  steps = v128.load32_lane(k1 + d, steps, 1);
  steps = v128.load32_lane(k2 + d, steps, 2);
  return v128.load32_lane(k3 + d, steps, 3);
}

/** q·k of four rows. */
// @ts-ignore: decorator
@inline
function dotFour<T>(q: usize, k0: usize, k1: usize, k2: usize, k3: usize, d: i32): v128 {
  let a = f32x4.splat(0);
  let b = f32x4.splat(0);
  let c = f32x4.splat(0);
  let e = f32x4.splat(0);
  const step = 4 * sizeof<T>();
  for (const end = q + ((<usize>d) << 2); q < end; q += 16) {
    const x = v128.load(q);
    a = multiplyAdd(x, fourAt<T>(k0), a);
    b = multiplyAdd(x, fourAt<T>(k1), b);
    c = multiplyAdd(x, fourAt<T>(k2), c);
    e = multiplyAdd(x, fourAt<T>(k3), e);
    k0 += step;
    k1 += step;
    k2 += step;
    k3 += step;
  }
  // Transposing as we add.
  const ab = f32x4.add(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7));
  const ce = f32x4.add(i32x4.shuffle(c, e, 0, 4, 1, 5), i32x4.shuffle(c, e, 2, 6, 3, 7));
  return f32x4.add(i32x4.shuffle(ab, ce, 0, 1, 4, 5), i32x4.shuffle(ab, ce, 2, 3, 6, 7));
}

/** y = y·shrink + Σ_j weight_j·v_j; sixteen columns at a time stay in registers. */
export function addWeighted<T>(y: usize, v: usize, stride: usize, count: i32, d: i32, shrink: f32, weights: usize): void {
  const s = f32x4.splat(shrink);
  let i = 0;
  for (; i + 16 <= d; i += 16) {
    const at = y + ((<usize>i) << 2);
    let from = v + <usize>i * sizeof<T>();
    let y0 = f32x4.mul(v128.load(at), s);
    let y1 = f32x4.mul(v128.load(at, 16), s);
    let y2 = f32x4.mul(v128.load(at, 32), s);
    let y3 = f32x4.mul(v128.load(at, 48), s);
    for (let j = 0; j < count; j++) {
      const w = v128.load32_splat(weights + ((<usize>j) << 2));
      y0 = multiplyAdd(w, fourAt<T>(from), y0);
      y1 = multiplyAdd(w, fourAt<T>(from + 4 * sizeof<T>()), y1);
      y2 = multiplyAdd(w, fourAt<T>(from + 8 * sizeof<T>()), y2);
      y3 = multiplyAdd(w, fourAt<T>(from + 12 * sizeof<T>()), y3);
      from += stride;
    }
    v128.store(at, y0);
    v128.store(at, y1, 16);
    v128.store(at, y2, 32);
    v128.store(at, y3, 48);
  }
  for (; i < d; i += 4) {
    const at = y + ((<usize>i) << 2);
    let from = v + <usize>i * sizeof<T>();
    let y0 = f32x4.mul(v128.load(at), s);
    for (let j = 0; j < count; j++) {
      y0 = multiplyAdd(v128.load32_splat(weights + ((<usize>j) << 2)), fourAt<T>(from), y0);
      from += stride;
    }
    v128.store(at, y0);
  }
}
