// Causal attention: see softmax.as.ts for one query.

import { exp4, floatAt, multiplyAdd, shareStart, sumLanes } from "../../kernels/cpu/math.as";
import { workspaceStart } from "../../kernels/cpu/workspace.as";
import { addWeighted, attend, scoresOf, TILE } from "./softmax.as";

@unmanaged
class Attention {
  q: usize; // [batch, length, heads, headSize]
  k: usize; // [batch, length, keyHeads, headSize]
  v: usize; // like k
  y: usize; // like q
  logSumExp: usize; // [batch, length, heads]
  batch: i32;
  length: i32;
  heads: i32;
  keyHeads: i32;
  headSize: i32;
}

/** Threads take every so many queries in turn, since later ones see more keys. */
export function attentionForward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<Attention>(args);
  const group = p.heads / p.keyHeads;
  const stride = (<usize>(p.keyHeads * p.headSize)) << 2;
  const units = p.batch * p.heads * p.length;
  for (let unit = thread; unit < units; unit += threads) {
    const t = unit % p.length;
    const head = (unit / p.length) % p.heads;
    const b = unit / p.length / p.heads;
    const row = (b * p.length + t) * p.heads + head;
    const offset = (<usize>b * <usize>p.length) * stride + ((<usize>(head / group) * <usize>p.headSize) << 2);
    const y = floatAt(p.y, row, p.headSize);
    const q = floatAt(p.q, row, p.headSize);
    const sum = attend<f32>(q, p.k + offset, p.v + offset, 0, stride, t + 1, p.headSize, y);
    store<f32>(p.logSumExp + ((<usize>row) << 2), sum);
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
  heads: i32;
  keyHeads: i32;
  headSize: i32;
}

/** A thread takes all queries of a head of keys, so that no two add to the same dk and dv. */
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
    scoresOf<f32>(q, p.k + at, stride, count, d, scale, weights);
    scoresOf<f32>(dy, p.v + at, stride, count, d, 1, slopes);
    for (let j = 0; j < count; j += 4) {
      const here = (<usize>j) << 2;
      const weight = exp4(f32x4.sub(v128.load(weights + here), logSumExp));
      v128.store(weights + here, weight);
      const slope = f32x4.mul(weight, f32x4.sub(v128.load(slopes + here), delta));
      v128.store(slopes + here, f32x4.mul(slope, f32x4.splat(scale)));
    }
    addWeighted<f32>(dq, p.k + at, stride, count, d, 1, slopes);
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
