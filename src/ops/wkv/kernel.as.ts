import { Optional } from "../../kernels/cpu/optional.as";
import { copyStates, slotOf } from "../../kernels/cpu/slots.as";
import { exp4, floatAt, loadLanes, multiplyAdd, one4, shareStart, storeLanes } from "../../kernels/cpu/math.as";

/** The maximum of a state before the first token: below any exponent, but finite, because ∞ − ∞ is NaN. */
const none: f32 = -1e38;

/** e^(a − max(a, b)), given e^−|a − b| */
// @ts-ignore: decorator
@inline
function shareOf(a: v128, b: v128, less: v128): v128 {
  return v128.bitselect(less, one4(), f32x4.lt(a, b));
}

/** e^−|a − b| */
// @ts-ignore: decorator
@inline
function lesserShare(a: v128, b: v128): v128 {
  return exp4(f32x4.neg(f32x4.abs(f32x4.sub(a, b))));
}

/** The rates e^w of a thread's columns, which every token needs. */
function storeRates(decay: usize, rate: usize, from: i32, end: i32): void {
  for (let c = from; c < end; c += 4) storeLanes(rate, c, end, exp4(loadLanes(decay, c, end)));
}

/** Copies row n of `start`, if there is one, to row `row` of `to`. A state without weights has no maximum yet. */
function copyStart(start: usize, n: i32, to: usize, row: i32, width: i32, from: i32, end: i32): void {
  const zero = f32x4.splat(0);
  for (let c = from; c < end; c += 4) {
    const values = start ? loadLanes(floatAt(start, 3 * n, width), c, end) : zero;
    const weights = start ? loadLanes(floatAt(start, 3 * n + 1, width), c, end) : zero;
    const max = start ? loadLanes(floatAt(start, 3 * n + 2, width), c, end) : zero;
    storeLanes(floatAt(to, 3 * row, width), c, end, values);
    storeLanes(floatAt(to, 3 * row + 1, width), c, end, weights);
    const isEmpty = f32x4.eq(weights, zero);
    storeLanes(floatAt(to, 3 * row + 2, width), c, end, v128.bitselect(f32x4.splat(none), max, isEmpty));
  }
}

/** Updates row `row` of `states` by one more token of exponent k; `older` is the maximum less the rate. */
// @ts-ignore: decorator
@inline
function storeNext(
  states: usize, row: i32, width: i32, c: i32, end: i32,
  values: v128, weights: v128, older: v128, k: v128, v: v128,
): void {
  const less = lesserShare(older, k);
  const old = shareOf(older, k, less);
  const own = shareOf(k, older, less);
  storeLanes(floatAt(states, 3 * row, width), c, end, multiplyAdd(old, values, f32x4.mul(own, v)));
  storeLanes(floatAt(states, 3 * row + 1, width), c, end, multiplyAdd(old, weights, own));
  storeLanes(floatAt(states, 3 * row + 2, width), c, end, f32x4.max(older, k));
}

/**
 * One token in the columns [from, end): its row of y, and the state after it in place of that in row `n` of `states`.
 * Row y may be the memory of row v.
 */
// @ts-ignore: decorator
@inline
function step(
  k: usize, v: usize, y: usize, bonus: usize, rate: usize,
  states: usize, n: i32, width: i32, from: i32, end: i32,
): void {
  for (let c = from; c < end; c += 4) {
    const values = loadLanes(floatAt(states, 3 * n, width), c, end);
    const weights = loadLanes(floatAt(states, 3 * n + 1, width), c, end);
    const max = loadLanes(floatAt(states, 3 * n + 2, width), c, end);
    const key = loadLanes(k, c, end);
    const value = loadLanes(v, c, end);
    const ahead = f32x4.add(key, loadLanes(bonus, c, end));
    const less = lesserShare(max, ahead);
    const old = shareOf(max, ahead, less);
    const own = shareOf(ahead, max, less);
    const above = multiplyAdd(old, values, f32x4.mul(own, value));
    storeLanes(y, c, end, f32x4.div(above, multiplyAdd(old, weights, own)));
    const older = f32x4.sub(max, loadLanes(rate, c, end));
    storeNext(states, n, width, c, end, values, weights, older, key, value);
  }
}

@unmanaged
class Wkv {
  k: usize; // [batch, length, width]
  v: usize; // [batch, length, width]
  decay: usize; // [width]
  bonus: usize; // [width]
  start: Optional; // [batch, 3 · width] or 0
  y: usize; // [batch, length, width]; may be the memory of `v`
  last: usize; // [batch, 3 · width]; may be the memory of `start`
  rate: usize; // [width]
  batch: i32;
  length: i32;
  width: i32;
}

/** Threads share columns; `last` carries the state from token to token and stays in the first-level cache. */
export function wkvForward(args: usize, thread: i32, threads: i32): void {
  const a = changetype<Wkv>(args);
  const width = a.width;
  const from = shareStart(width, 16, thread, threads);
  const end = shareStart(width, 16, thread + 1, threads);
  storeRates(a.decay, a.rate, from, end);
  for (let n = 0; n < a.batch; n++) {
    copyStart(a.start, n, a.last, n, width, from, end);
    for (let t = 0; t < a.length; t++) {
      const token = n * a.length + t;
      const k = floatAt(a.k, token, width);
      const v = floatAt(a.v, token, width);
      step(k, v, floatAt(a.y, token, width), a.bonus, a.rate, a.last, n, width, from, end);
    }
  }
}

@unmanaged
class WkvSlots {
  k: usize; // [rows, width]
  v: usize; // [rows, width]
  decay: usize; // [width]
  bonus: usize; // [width]
  slots: usize; // [rows] i32
  states: usize; // [count, 3 · width]
  y: usize; // [rows, width]; may be the memory of `v`
  next: usize; // [count, 3 · width]; may be the memory of `states`
  rate: usize; // [width]
  rows: i32;
  width: i32;
  count: i32;
}

/** Threads share columns. */
export function wkvSlotsForward(args: usize, thread: i32, threads: i32): void {
  const a = changetype<WkvSlots>(args);
  const width = a.width;
  const from = shareStart(width, 16, thread, threads);
  const end = shareStart(width, 16, thread + 1, threads);
  storeRates(a.decay, a.rate, from, end);
  copyStates(a.next, a.states, 3 * a.count, width, from, end);
  for (let row = 0; row < a.rows; row++) {
    const slot = slotOf(a.slots, row);
    if (row == 0 || slotOf(a.slots, row - 1) != slot) copyStart(a.next, slot, a.next, slot, width, from, end);
    const k = floatAt(a.k, row, width);
    const v = floatAt(a.v, row, width);
    step(k, v, floatAt(a.y, row, width), a.bonus, a.rate, a.next, slot, width, from, end);
  }
}

@unmanaged
class WkvBackward {
  k: usize; // [batch, length, width]
  v: usize; // [batch, length, width]
  decay: usize; // [width]
  bonus: usize; // [width]
  start: Optional; // [batch, 3 · width] or 0
  dy: Optional; // [batch, length, width] or 0
  dLast: Optional; // [batch, 3 · width] or 0
  decayBefore: Optional; // [width] or 0: the tensor that dDecay is added to
  bonusBefore: Optional; // [width] or 0
  dk: usize; // [batch, length, width]; may be the memory of `k`
  dv: usize; // [batch, length, width]; may be the memory of `v`
  dDecay: usize; // [width]
  dBonus: usize; // [width]
  dStart: usize; // [batch, 3 · width]
  states: usize; // [batch, length + 1, 3 · width]: the state before each token, and after the last one
  rate: usize; // [width]
  batch: i32;
  length: i32;
  width: i32;
}

/** `dStart` carries the gradient of the state from token to token, as the reference does in variables. */
export function wkvBackward(args: usize, thread: i32, threads: i32): void {
  const a = changetype<WkvBackward>(args);
  const from = shareStart(a.width, 16, thread, threads);
  const end = shareStart(a.width, 16, thread + 1, threads);
  const zero = f32x4.splat(0);
  storeRates(a.decay, a.rate, from, end);
  for (let c = from; c < end; c += 4) {
    storeLanes(a.dDecay, c, end, a.decayBefore ? loadLanes(a.decayBefore, c, end) : zero);
    storeLanes(a.dBonus, c, end, a.bonusBefore ? loadLanes(a.bonusBefore, c, end) : zero);
  }
  for (let n = 0; n < a.batch; n++) {
    const first = n * (a.length + 1);
    copyStart(a.start, n, a.states, first, a.width, from, end);
    for (let t = 0; t < a.length; t++) keepNext(a, n * a.length + t, first + t, from, end);
    beginGradient(a, n, first + a.length, from, end);
    for (let t = a.length - 1; t >= 0; t--) tokenBackward(a, n, n * a.length + t, first + t, from, end);
    endGradient(a, n, first, from, end);
  }
}

/** The state after a token, from the state before it in row `row`. */
function keepNext(a: WkvBackward, token: i32, row: i32, from: i32, end: i32): void {
  const width = a.width;
  for (let c = from; c < end; c += 4) {
    const values = loadLanes(floatAt(a.states, 3 * row, width), c, end);
    const weights = loadLanes(floatAt(a.states, 3 * row + 1, width), c, end);
    const max = loadLanes(floatAt(a.states, 3 * row + 2, width), c, end);
    const k = loadLanes(floatAt(a.k, token, width), c, end);
    const v = loadLanes(floatAt(a.v, token, width), c, end);
    const older = f32x4.sub(max, loadLanes(a.rate, c, end));
    storeNext(a.states, row + 1, width, c, end, values, weights, older, k, v);
  }
}

/** The part of the gradient of a state's maximum that follows from those of its sums. */
// @ts-ignore: decorator
@inline
function explained(values: v128, weights: v128, dValues: v128, dWeights: v128): v128 {
  return multiplyAdd(values, dValues, f32x4.mul(weights, dWeights));
}

/** The gradients of both sums after the last token, and the caller's own gradient of the maximum. */
function beginGradient(a: WkvBackward, n: i32, row: i32, from: i32, end: i32): void {
  const width = a.width;
  const zero = f32x4.splat(0);
  for (let c = from; c < end; c += 4) {
    const values = loadLanes(floatAt(a.states, 3 * row, width), c, end);
    const weights = loadLanes(floatAt(a.states, 3 * row + 1, width), c, end);
    const dValues = a.dLast ? loadLanes(floatAt(a.dLast, 3 * n, width), c, end) : zero;
    const dWeights = a.dLast ? loadLanes(floatAt(a.dLast, 3 * n + 1, width), c, end) : zero;
    const dMax = a.dLast ? loadLanes(floatAt(a.dLast, 3 * n + 2, width), c, end) : zero;
    const excess = f32x4.sub(dMax, explained(values, weights, dValues, dWeights));
    storeLanes(floatAt(a.dStart, 3 * n, width), c, end, dValues);
    storeLanes(floatAt(a.dStart, 3 * n + 1, width), c, end, dWeights);
    storeLanes(floatAt(a.dStart, 3 * n + 2, width), c, end, excess);
  }
}

/** See wkvBackwardReference, which uses the same names; the state before the token is in row `row`. */
function tokenBackward(a: WkvBackward, n: i32, token: i32, row: i32, from: i32, end: i32): void {
  const width = a.width;
  const zero = f32x4.splat(0);
  for (let c = from; c < end; c += 4) {
    const values = loadLanes(floatAt(a.states, 3 * row, width), c, end);
    const weights = loadLanes(floatAt(a.states, 3 * row + 1, width), c, end);
    const max = loadLanes(floatAt(a.states, 3 * row + 2, width), c, end);
    const dValues = loadLanes(floatAt(a.dStart, 3 * n, width), c, end);
    const dWeights = loadLanes(floatAt(a.dStart, 3 * n + 1, width), c, end);
    const excess = loadLanes(floatAt(a.dStart, 3 * n + 2, width), c, end);
    const k = loadLanes(floatAt(a.k, token, width), c, end);
    const v = loadLanes(floatAt(a.v, token, width), c, end);
    const rate = loadLanes(a.rate, c, end);

    const older = f32x4.sub(max, rate);
    const less = lesserShare(older, k);
    const old = shareOf(older, k, less);
    const own = shareOf(k, older, less);
    const isOlder = f32x4.ge(older, k);

    const ahead = f32x4.add(k, loadLanes(a.bonus, c, end));
    const seenLess = lesserShare(max, ahead);
    const seenOld = shareOf(max, ahead, seenLess);
    const seenOwn = shareOf(ahead, max, seenLess);
    const below = multiplyAdd(seenOld, weights, seenOwn);
    const y = f32x4.div(multiplyAdd(seenOld, values, f32x4.mul(seenOwn, v)), below);
    const d = f32x4.div(a.dy ? loadLanes(floatAt(a.dy, token, width), c, end) : zero, below);
    const dOwn = f32x4.mul(seenOwn, f32x4.mul(f32x4.sub(v, y), d));

    const dk = multiplyAdd(own, multiplyAdd(v, dValues, dWeights), dOwn);
    storeLanes(floatAt(a.dk, token, width), c, end, f32x4.add(dk, v128.andnot(excess, isOlder)));
    storeLanes(floatAt(a.dv, token, width), c, end, multiplyAdd(own, dValues, f32x4.mul(seenOwn, d)));
    storeLanes(a.dBonus, c, end, f32x4.add(loadLanes(a.dBonus, c, end), dOwn));
    const dMax = multiplyAdd(old, explained(values, weights, dValues, dWeights), v128.and(excess, isOlder));
    storeLanes(a.dDecay, c, end, f32x4.sub(loadLanes(a.dDecay, c, end), f32x4.mul(rate, dMax)));

    const dSeen = f32x4.mul(seenOld, d);
    storeLanes(floatAt(a.dStart, 3 * n, width), c, end, multiplyAdd(old, dValues, dSeen));
    storeLanes(floatAt(a.dStart, 3 * n + 1, width), c, end, f32x4.sub(f32x4.mul(old, dWeights), f32x4.mul(dSeen, y)));
    storeLanes(floatAt(a.dStart, 3 * n + 2, width), c, end, v128.and(excess, isOlder));
  }
}

/** The gradient of the first state's maximum: the part that follows from its sums, and the remaining excess. */
function endGradient(a: WkvBackward, n: i32, row: i32, from: i32, end: i32): void {
  const width = a.width;
  for (let c = from; c < end; c += 4) {
    const values = loadLanes(floatAt(a.states, 3 * row, width), c, end);
    const weights = loadLanes(floatAt(a.states, 3 * row + 1, width), c, end);
    const dValues = loadLanes(floatAt(a.dStart, 3 * n, width), c, end);
    const dWeights = loadLanes(floatAt(a.dStart, 3 * n + 1, width), c, end);
    const excess = loadLanes(floatAt(a.dStart, 3 * n + 2, width), c, end);
    const dMax = f32x4.add(explained(values, weights, dValues, dWeights), excess);
    storeLanes(floatAt(a.dStart, 3 * n + 2, width), c, end, dMax);
  }
}
