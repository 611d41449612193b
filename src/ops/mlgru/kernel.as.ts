import { copyStates, slotOf } from "../../kernels/cpu/slots.as";
import { Optional } from "../../kernels/cpu/optional.as";
import {
  floatAt,
  loadLanes,
  multiplyAdd,
  one4,
  planeStart,
  shareStart,
  sigmoid4,
  silu4,
  siluSlope4,
  storeLanes,
} from "../../kernels/cpu/math.as";
import { nativeRowKernel, RowKernel } from "../../kernels/cpu/native.as";

/** b + (1 − b)·σ */
// @ts-ignore: decorator
@inline
function forgetGate(gate: v128, bound: v128): v128 {
  return multiplyAdd(f32x4.sub(one4(), bound), gate, bound);
}

/** A token's state: f·h + SiLU(x_i)·(1 − f) */
// @ts-ignore: decorator
@inline
function next(xi: v128, xf: v128, bound: v128, h: v128): v128 {
  const f = forgetGate(sigmoid4(xf), bound);
  return multiplyAdd(f, h, f32x4.mul(silu4(xi), f32x4.sub(one4(), f)));
}

/** Whether gates have lower bounds, else they are 0: types, because an argument would be tested in the loops. */
class Bounded {}
class Unbounded {}

/**
 * One token in the columns [from, end): the next state into `state`, which holds the last, and into row h. The vectors of
 * a pair are read before either is written, so that an engine can fuse them.
 */
function columns<Which>(xi: usize, xf: usize, bounds: usize, state: usize, h: usize, from: i32, end: i32): void {
  const none = f32x4.splat(0);
  let c = from;
  for (; c <= end - 8; c += 8) {
    const at = (<usize>c) << 2;
    const b0 = idof<Which>() == idof<Bounded>() ? v128.load(bounds + at) : none;
    const b1 = idof<Which>() == idof<Bounded>() ? v128.load(bounds + at, 16) : none;
    const low = next(v128.load(xi + at), v128.load(xf + at), b0, v128.load(state + at));
    const high = next(v128.load(xi + at, 16), v128.load(xf + at, 16), b1, v128.load(state + at, 16));
    v128.store(state + at, low);
    v128.store(state + at, high, 16);
    v128.store(h + at, low);
    v128.store(h + at, high, 16);
  }
  for (; c < end; c += 4) {
    const b = idof<Which>() == idof<Bounded>() ? loadLanes(bounds, c, end) : none;
    const own = next(loadLanes(xi, c, end), loadLanes(xf, c, end), b, loadLanes(state, c, end));
    storeLanes(state, c, end, own);
    storeLanes(h, c, end, own);
  }
}

function step(xi: usize, xf: usize, bounds: usize, state: usize, h: usize, from: i32, end: i32): void {
  if (bounds) columns<Bounded>(xi, xf, bounds, state, h, from, end);
  else columns<Unbounded>(xi, xf, bounds, state, h, from, end);
}

@unmanaged
class Mlgru {
  i: usize; // [batch, length, width]
  f: usize; // [batch, length, width]
  start: Optional; // [batch, width] or 0
  bounds: Optional; // [layers, width] or 0
  h: usize; // [batch, length, width]
  last: usize; // [batch, width]; may be the memory of `start`
  batch: i32;
  length: i32;
  width: i32;
  layer: i32;
  planes: i32; // of a row, of which threads take shares
}

/** Threads share columns; `last` carries the state from token to token and stays in the first-level cache. */
export function mlgruForward(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.mlgruForward, args, thread, threads)) return;
  const a = changetype<Mlgru>(args);
  for (let plane = 0; plane < a.planes; plane++) {
    const from = planeStart(a.width, a.planes, plane, thread, threads);
    recurrence(a, from, planeStart(a.width, a.planes, plane, thread + 1, threads));
  }
}

/** All tokens in the columns [from, end). */
function recurrence(a: Mlgru, from: i32, end: i32): void {
  const width = a.width;
  const bounds = a.bounds ? floatAt(a.bounds, a.layer, width) : 0;
  for (let n = 0; n < a.batch; n++) {
    const last = floatAt(a.last, n, width);
    const start = floatAt(a.start, n, width);
    for (let c = from; c < end; c += 4) {
      storeLanes(last, c, end, a.start ? loadLanes(start, c, end) : f32x4.splat(0));
    }
    for (let t = 0; t < a.length; t++) {
      const token = n * a.length + t;
      const xi = floatAt(a.i, token, width);
      const xf = floatAt(a.f, token, width);
      step(xi, xf, bounds, last, floatAt(a.h, token, width), from, end);
    }
  }
}

@unmanaged
class MlgruSlots {
  i: usize; // [rows, width]
  f: usize; // [rows, width]
  slots: usize; // [rows] i32
  states: usize; // [count, width]
  bounds: Optional; // [layers, width] or 0
  h: usize; // [rows, width]
  next: usize; // [count, width]; may be the memory of `states`
  rows: i32;
  width: i32;
  count: i32;
  layer: i32;
  planes: i32; // of a row, of which threads take shares
}

/** Threads share columns. */
export function mlgruSlotsForward(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.mlgruSlotsForward, args, thread, threads)) return;
  const a = changetype<MlgruSlots>(args);
  for (let plane = 0; plane < a.planes; plane++) {
    const from = planeStart(a.width, a.planes, plane, thread, threads);
    slotColumns(a, from, planeStart(a.width, a.planes, plane, thread + 1, threads));
  }
}

/** All rows in the columns [from, end). */
function slotColumns(a: MlgruSlots, from: i32, end: i32): void {
  const width = a.width;
  copyStates(a.next, a.states, a.count, width, from, end);
  const bounds = a.bounds ? floatAt(a.bounds, a.layer, width) : 0;
  for (let row = 0; row < a.rows; row++) {
    const xi = floatAt(a.i, row, width);
    const xf = floatAt(a.f, row, width);
    const state = floatAt(a.next, slotOf(a.slots, row), width);
    step(xi, xf, bounds, state, floatAt(a.h, row, width), from, end);
  }
}

@unmanaged
class MlgruBackward {
  i: usize; // [batch, length, width]
  f: usize; // [batch, length, width]
  start: Optional; // [batch, width] or 0
  bounds: Optional; // [layers, width] or 0
  h: usize; // [batch, length, width]
  dh: Optional; // [batch, length, width] or 0
  dLast: Optional; // [batch, width] or 0
  before: Optional; // [layers, width] or 0: the tensor that dBounds is added to
  di: usize; // [batch, length, width]; may be the memory of `i`
  df: usize; // [batch, length, width]; may be the memory of `f`
  dStart: usize; // [batch, width]
  dBounds: Optional; // [layers, width] or 0
  batch: i32;
  length: i32;
  width: i32;
  layer: i32;
  layers: i32;
}

/** `dStart` carries f_{t+1} ⊙ dh_{t+1} from token to token. */
export function mlgruBackward(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.mlgruBackward, args, thread, threads)) return;
  const a = changetype<MlgruBackward>(args);
  const width = a.width;
  const from = shareStart(width, 16, thread, threads);
  const end = shareStart(width, 16, thread + 1, threads);
  const zero = f32x4.splat(0);
  const one = one4();
  for (let l = 0; l < a.layers; l++) {
    for (let c = from; c < end; c += 4) {
      const sum = a.before ? loadLanes(floatAt(a.before, l, width), c, end) : zero;
      storeLanes(floatAt(a.dBounds, l, width), c, end, sum);
    }
  }
  const bounds = floatAt(a.bounds, a.layer, width);
  const dBounds = floatAt(a.dBounds, a.layer, width);
  for (let n = 0; n < a.batch; n++) {
    const carried = floatAt(a.dStart, n, width);
    for (let c = from; c < end; c += 4) {
      storeLanes(carried, c, end, a.dLast ? loadLanes(floatAt(a.dLast, n, width), c, end) : zero);
    }
    for (let t = a.length - 1; t >= 0; t--) {
      const token = n * a.length + t;
      const xi = floatAt(a.i, token, width);
      const xf = floatAt(a.f, token, width);
      const di = floatAt(a.di, token, width);
      const df = floatAt(a.df, token, width);
      const hasBefore = t > 0 || a.start != 0;
      const hBefore = t > 0 ? floatAt(a.h, token - 1, width) : floatAt(a.start, n, width);
      for (let c = from; c < end; c += 4) {
        const bound = a.bounds ? loadLanes(bounds, c, end) : zero;
        const gate = sigmoid4(loadLanes(xf, c, end));
        const free = f32x4.sub(one, bound);
        const f = forgetGate(gate, bound);
        const x = loadLanes(xi, c, end);
        const s = sigmoid4(x);
        let dh = loadLanes(carried, c, end);
        if (a.dh) dh = f32x4.add(dh, loadLanes(floatAt(a.dh, token, width), c, end));
        const before = hasBefore ? loadLanes(hBefore, c, end) : zero;
        const dGate = f32x4.mul(dh, f32x4.sub(before, f32x4.mul(x, s)));
        const shut = f32x4.sub(one, gate);
        storeLanes(df, c, end, f32x4.mul(f32x4.mul(dGate, free), f32x4.mul(gate, shut)));
        storeLanes(di, c, end, f32x4.mul(f32x4.mul(dh, f32x4.sub(one, f)), siluSlope4(x, s)));
        if (a.dBounds) storeLanes(dBounds, c, end, multiplyAdd(dGate, shut, loadLanes(dBounds, c, end)));
        storeLanes(carried, c, end, f32x4.mul(f, dh));
      }
    }
  }
}
