// Causal attention with a running softmax over tiles of keys; only one row of scores of a tile exists at a time. Tiles
// always begin at the same keys, so that a query gets the same bits however a sequence is split.

import { Optional } from "../../kernels/cpu/optional.as";
import { exp4, floatAt, maxLanes, multiplyAdd, shareStart, sumLanes } from "../../kernels/cpu/math.as";
import { workspaceStart } from "../../kernels/cpu/workspace.as";

/** Keys of a tile. */
const TILE: i32 = 64;

@unmanaged
class Attention {
  q: usize; // [batch, length, heads, headSize]
  k: usize; // [batch, capacity, keyHeads, headSize]
  v: usize; // like k
  first: Optional; // [1] i32: tokens before the first query; or 0 for none
  y: usize; // like q
  logSumExp: usize; // [batch, length, heads]
  batch: i32;
  length: i32;
  capacity: i32;
  heads: i32;
  keyHeads: i32;
  headSize: i32;
}

/** Threads take queries in turn, because later ones see more keys. */
export function attentionForward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<Attention>(args);
  const first = p.first ? load<i32>(p.first) : 0;
  const group = p.heads / p.keyHeads;
  const stride = (<usize>(p.keyHeads * p.headSize)) << 2;
  const units = p.batch * p.heads * p.length;
  for (let unit = thread; unit < units; unit += threads) {
    const t = unit % p.length;
    const head = (unit / p.length) % p.heads;
    const b = unit / p.length / p.heads;
    const row = (b * p.length + t) * p.heads + head;
    const offset = (<usize>b * <usize>p.capacity) * stride + ((<usize>(head / group) * <usize>p.headSize) << 2);
    const y = floatAt(p.y, row, p.headSize);
    const sum = attend(floatAt(p.q, row, p.headSize), p.k + offset, p.v + offset, stride, first + t + 1, p.headSize, y);
    store<f32>(p.logSumExp + ((<usize>row) << 2), sum);
  }
}

/** y = softmax(q·kᵀ/√d)·v over the first `keys` rows of k and v; returns the scores' log-sum-exp. */
function attend(q: usize, k: usize, v: usize, stride: usize, keys: i32, d: i32, y: usize): f32 {
  const scores = workspaceStart();
  const scale: f32 = 1 / Mathf.sqrt(<f32>d);
  let top: f32 = -f32.MAX_VALUE;
  let sum: f32 = 0;
  for (let i = 0; i < d; i += 4) v128.store(y + ((<usize>i) << 2), f32x4.splat(0));
  for (let start = 0; start < keys; start += TILE) {
    const count = min(TILE, keys - start);
    const higher = max(top, scoresOf(q, k + <usize>start * stride, stride, count, d, scale, scores));
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
    addWeighted(y, v + <usize>start * stride, stride, count, d, shrink, scores);
  }
  const inverse = f32x4.splat(1 / sum);
  for (let i = 0; i < d; i += 4) {
    const at = y + ((<usize>i) << 2);
    v128.store(at, f32x4.mul(v128.load(at), inverse));
  }
  return top + Mathf.log(sum);
}

/** Lanes past `count` < 4 become zero. */
function firstLanes(v: v128, count: i32): v128 {
  v = f32x4.replace_lane(v, 3, 0);
  if (count < 3) v = f32x4.replace_lane(v, 2, 0);
  if (count < 2) v = f32x4.replace_lane(v, 1, 0);
  return v;
}

/** scores_j = q·k_j·scale for `count` rows of k, the last repeated to a multiple of four; returns the largest. */
function scoresOf(q: usize, k: usize, stride: usize, count: i32, d: i32, scale: f32, scores: usize): f32 {
  const last = k + <usize>(count - 1) * stride;
  let top = f32x4.splat(-f32.MAX_VALUE);
  for (let j = 0; j < count; j += 4) {
    const k0 = k + <usize>j * stride;
    const k1 = min(k0 + stride, last);
    const k2 = min(k1 + stride, last);
    const k3 = min(k2 + stride, last);
    const four = f32x4.mul(dotFour(q, k0, k1, k2, k3, d), f32x4.splat(scale));
    v128.store(scores + ((<usize>j) << 2), four);
    top = f32x4.max(top, four);
  }
  return maxLanes(top);
}

/** q·k of four rows. */
// @ts-ignore: decorator
@inline
function dotFour(q: usize, k0: usize, k1: usize, k2: usize, k3: usize, d: i32): v128 {
  let a = f32x4.splat(0);
  let b = f32x4.splat(0);
  let c = f32x4.splat(0);
  let e = f32x4.splat(0);
  const end = (<usize>d) << 2;
  for (let i: usize = 0; i < end; i += 16) {
    const x = v128.load(q + i);
    a = multiplyAdd(x, v128.load(k0 + i), a);
    b = multiplyAdd(x, v128.load(k1 + i), b);
    c = multiplyAdd(x, v128.load(k2 + i), c);
    e = multiplyAdd(x, v128.load(k3 + i), e);
  }
  // Transposes while adding.
  const ab = f32x4.add(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7));
  const ce = f32x4.add(i32x4.shuffle(c, e, 0, 4, 1, 5), i32x4.shuffle(c, e, 2, 6, 3, 7));
  return f32x4.add(i32x4.shuffle(ab, ce, 0, 1, 4, 5), i32x4.shuffle(ab, ce, 2, 3, 6, 7));
}

/** y = y·shrink + Σ_j weight_j·v_j; sixteen columns at a time stay in registers. */
function addWeighted(y: usize, v: usize, stride: usize, count: i32, d: i32, shrink: f32, weights: usize): void {
  const s = f32x4.splat(shrink);
  let i = 0;
  for (; i + 16 <= d; i += 16) {
    const at = y + ((<usize>i) << 2);
    let from = v + ((<usize>i) << 2);
    let y0 = f32x4.mul(v128.load(at), s);
    let y1 = f32x4.mul(v128.load(at, 16), s);
    let y2 = f32x4.mul(v128.load(at, 32), s);
    let y3 = f32x4.mul(v128.load(at, 48), s);
    for (let j = 0; j < count; j++) {
      const w = v128.load32_splat(weights + ((<usize>j) << 2));
      y0 = multiplyAdd(w, v128.load(from), y0);
      y1 = multiplyAdd(w, v128.load(from, 16), y1);
      y2 = multiplyAdd(w, v128.load(from, 32), y2);
      y3 = multiplyAdd(w, v128.load(from, 48), y3);
      from += stride;
    }
    v128.store(at, y0);
    v128.store(at, y1, 16);
    v128.store(at, y2, 32);
    v128.store(at, y3, 48);
  }
  for (; i < d; i += 4) {
    const at = y + ((<usize>i) << 2);
    let from = v + ((<usize>i) << 2);
    let y0 = f32x4.mul(v128.load(at), s);
    for (let j = 0; j < count; j++) {
      y0 = multiplyAdd(v128.load32_splat(weights + ((<usize>j) << 2)), v128.load(from), y0);
      from += stride;
    }
    v128.store(at, y0);
  }
}

@unmanaged
class AttentionBackward {
  q: usize; // [batch, length, heads, headSize]
  k: usize; // [batch, length, keyHeads, headSize]
  v: usize; // like k
  y: usize; // like q
  logSumExp: usize; // [batch, length, heads]
  dy: usize; // like q
  dq: usize; // like q
  dk: usize; // like k
  dv: usize; // like k
  batch: i32;
  length: i32;
  capacity: i32; // equals length
  heads: i32;
  keyHeads: i32;
  headSize: i32;
}

/** A thread takes all queries of a key head, so that no two threads add to the same dk and dv. */
export function attentionBackward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<AttentionBackward>(args);
  const group = p.heads / p.keyHeads;
  const units = p.batch * p.keyHeads;
  const end = shareStart(units, 1, thread + 1, threads);
  for (let unit = shareStart(units, 1, thread, threads); unit < end; unit++) {
    const b = unit / p.keyHeads;
    const keyHead = unit % p.keyHeads;
    const offset = ((<usize>(b * p.length * p.keyHeads + keyHead)) * <usize>p.headSize) << 2;
    clearRows(p.dk + offset, p);
    clearRows(p.dv + offset, p);
    for (let t = 0; t < p.length; t++) {
      for (let head = keyHead * group; head < (keyHead + 1) * group; head++) {
        backwardOfQuery(p, (b * p.length + t) * p.heads + head, offset, t + 1);
      }
    }
  }
}

function clearRows(at: usize, p: AttentionBackward): void {
  const stride = (<usize>(p.keyHeads * p.headSize)) << 2;
  for (let t = 0; t < p.length; t++) {
    memory.fill(at, 0, (<usize>p.headSize) << 2);
    at += stride;
  }
}

/** dq of one query, and its part of dk and dv of the first `keys` rows at byte `offset`. */
function backwardOfQuery(p: AttentionBackward, row: i32, offset: usize, keys: i32): void {
  const d = p.headSize;
  const stride = (<usize>(p.keyHeads * d)) << 2;
  const q = floatAt(p.q, row, d);
  const dy = floatAt(p.dy, row, d);
  const dq = floatAt(p.dq, row, d);
  const scale: f32 = 1 / Mathf.sqrt(<f32>d);
  const logSumExp = f32x4.splat(load<f32>(p.logSumExp + ((<usize>row) << 2)));
  const delta = f32x4.splat(dotOne(dy, floatAt(p.y, row, d), d));
  const weights = workspaceStart();
  const slopes = weights + ((<usize>TILE) << 2);
  for (let i = 0; i < d; i += 4) v128.store(dq + ((<usize>i) << 2), f32x4.splat(0));
  for (let start = 0; start < keys; start += TILE) {
    const count = min(TILE, keys - start);
    const at = offset + <usize>start * stride;
    scoresOf(q, p.k + at, stride, count, d, scale, weights);
    scoresOf(dy, p.v + at, stride, count, d, 1, slopes);
    for (let j = 0; j < count; j += 4) {
      const here = (<usize>j) << 2;
      const weight = exp4(f32x4.sub(v128.load(weights + here), logSumExp));
      v128.store(weights + here, weight);
      const slope = f32x4.mul(weight, f32x4.sub(v128.load(slopes + here), delta));
      v128.store(slopes + here, f32x4.mul(slope, f32x4.splat(scale)));
    }
    addWeighted(dq, p.k + at, stride, count, d, 1, slopes);
    for (let j = 0; j < count; j++) {
      const to = at + <usize>j * stride;
      addScaled(p.dk + to, q, load<f32>(slopes + ((<usize>j) << 2)), d);
      addScaled(p.dv + to, dy, load<f32>(weights + ((<usize>j) << 2)), d);
    }
  }
}

function dotOne(a: usize, b: usize, d: i32): f32 {
  let sum = f32x4.splat(0);
  const end = (<usize>d) << 2;
  for (let i: usize = 0; i < end; i += 16) sum = multiplyAdd(v128.load(a + i), v128.load(b + i), sum);
  return sumLanes(sum);
}

// @ts-ignore: decorator
@inline
function addScaled(to: usize, x: usize, factor: f32, d: i32): void {
  const f = f32x4.splat(factor);
  const end = (<usize>d) << 2;
  for (let i: usize = 0; i < end; i += 16) {
    v128.store(to + i, multiplyAdd(f, v128.load(x + i), v128.load(to + i)));
  }
}
