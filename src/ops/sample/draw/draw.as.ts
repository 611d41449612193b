// Draws a token as `sample` of sampling.ts does, with the same bits and so the same tokens, in vectors.
// Its arrays have the size of the vocabulary. Candidates stay in the order of their ids: a selection finds the last one
// that it keeps, and a pass over all drops what comes after it.

import { exponentials } from "./exponential.as";
import { blockSize, quickDraw } from "./quick.as";
import { intAt, lastOf, precedes, selectTop, setInt, weightAt } from "./select.as";

/** f32: the logits. */
let logits: usize = 0;
/** f32: the logits of the candidates, if they are not all. */
let kept: usize = 0;
/** f64: the candidates' weights, and room for those of a block. */
let weights: usize = 0;
/** i32: the candidates' ids, if they are not all. */
let ids: usize = 0;
/** i32: indices of candidates that a selection moves. */
let list: usize = 0;

// @ts-ignore: decorator
@inline
function padded(count: i32): i32 {
  return (count + blockSize - 1) & ~(blockSize - 1);
}

/** Bytes of the arrays for a vocabulary: `drawBytes` of cpu.ts is the same. */
export function roomBytes(vocabulary: i32): usize {
  return <usize>padded(vocabulary) * 24 + (<usize>blockSize << 3);
}

/** Puts the arrays at `room`, which is aligned for vectors; the logits are the first. */
export function useRoom(room: usize, vocabulary: i32): void {
  const entries = <usize>padded(vocabulary);
  logits = room;
  kept = logits + (entries << 2);
  weights = kept + (entries << 2);
  ids = weights + ((entries + blockSize) << 3);
  list = ids + (entries << 2);
}

/** The smallest id of the largest logit; −1 if a logit is NaN or +Infinity, or all are −Infinity. */
export function likeliest(vocabulary: i32): i32 {
  fillEnd(logits, vocabulary);
  let largest = f32x4.splat(-Infinity);
  let areNumbers = i32x4.splat(-1);
  const end = logits + ((<usize>padded(vocabulary)) << 2);
  for (let at = logits; at < end; at += 16) {
    const four = v128.load(at);
    largest = f32x4.pmax(largest, four);
    areNumbers = v128.and(areNumbers, f32x4.eq(four, four));
  }
  const top = max(
    max(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)),
    max(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)),
  );
  if (!i32x4.all_true(areNumbers) || abs(top) == Infinity) return -1;
  let at = logits;
  while (!v128.any_true(f32x4.eq(v128.load(at), f32x4.splat(top)))) at += 16;
  return <i32>((at - logits) >> 2) + ctz(i32x4.bitmask(f32x4.eq(v128.load(at), f32x4.splat(top))));
}

/** −Infinity from `count` to the end of its block. */
function fillEnd(values: usize, count: i32): void {
  for (let i = count; i < padded(count); i++) store<f32>(values + ((<usize>i) << 2), -Infinity);
}

/**
 * Draws an id at a temperature above 0, after `likeliest`.
 * @param best what that returned
 * @param uniform in [0, 1)
 */
export function draw(
  vocabulary: i32,
  best: i32,
  temperature: f64,
  topK: f64,
  topP: f64,
  minP: f64,
  uniform: f64,
): i32 {
  let count = vocabulary;
  let areAll = true;
  const largest = <f64>load<f32>(logits + ((<usize>best) << 2));
  if (topK == 0 && topP == 1 && minP == 0) {
    const found = quickDraw(logits, padded(vocabulary) / blockSize, largest, temperature, uniform, weights);
    if (found >= 0) return found;
  }
  if (topK > 0 && topK < <f64>vocabulary) {
    count = keepTopK(vocabulary, <i32>topK);
    areAll = false;
  }
  let sum = exponentials(areAll ? logits : kept, count, largest, temperature, weights);
  if (topP < 1) dropBelowTopP(count, areAll ? possible(vocabulary) : count, topP, sum);
  if (minP > 0) for (let i = 0; i < count; i++) if (weightAt(weights, i) < minP) drop(i);
  if (topP < 1 || minP > 0) {
    sum = 0;
    for (let i = 0; i < count; i++) sum += weightAt(weights, i);
  }
  const drawn = walk(count, uniform * sum);
  return areAll ? drawn : intAt(ids, drawn);
}

/** The candidate at which the weights so far exceed `rest`. */
function walk(count: i32, rest: f64): i32 {
  let drawn = 0;
  for (let i = 0; i < count && rest >= 0; i++) {
    const weight = weightAt(weights, i);
    if (weight > 0) drawn = i; // also the last one, in case rounding leaves a remainder
    rest -= weight;
  }
  return drawn;
}

// @ts-ignore: decorator
@inline
function drop(index: i32): void {
  store<f64>(weights + ((<usize>index) << 3), 0);
}

/** Number of logits above −Infinity. */
function possible(vocabulary: i32): i32 {
  let count = 0;
  const end = logits + ((<usize>padded(vocabulary)) << 2);
  for (let at = logits; at < end; at += 16) {
    count += popcnt(i32x4.bitmask(f32x4.gt(v128.load(at), f32x4.splat(-Infinity))));
  }
  return count;
}

/** Makes the k largest logits the candidates; returns their number, less than k if fewer are possible. */
function keepTopK(vocabulary: i32, k: i32): i32 {
  const count = keepFrom(boundOf(vocabulary, k), vocabulary);
  if (count > k) {
    for (let i = 0; i < count; i++) {
      store<f64>(weights + ((<usize>i) << 3), <f64>load<f32>(kept + ((<usize>i) << 2)));
      setInt(list, i, i);
    }
    const last = lastOf(list, selectTop(list, count, weights, <f64>k, true), weights);
    let next = 0;
    for (let i = 0; i < count; i++) {
      if (precedes(weights, last, i)) continue;
      setInt(ids, next, intAt(ids, i));
      store<f32>(kept + ((<usize>next) << 2), load<f32>(kept + ((<usize>i) << 2)));
      next++;
    }
    fillEnd(kept, k);
    return k;
  }
  fillEnd(kept, count);
  return count;
}

/** A logit that at least k are not below: the k-th largest of the largest ones of all blocks. */
function boundOf(vocabulary: i32, k: i32): f32 {
  const blocks = padded(vocabulary) / blockSize;
  if (k > blocks) return -Infinity;
  for (let block = 0; block < blocks; block++) {
    let largest = f32x4.splat(-Infinity);
    const start = logits + ((<usize>(block * blockSize)) << 2);
    for (let at: usize = 0; at < <usize>blockSize << 2; at += 16) largest = f32x4.pmax(largest, v128.load(start + at));
    const top = max(
      max(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)),
      max(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)),
    );
    store<f64>(weights + ((<usize>block) << 3), <f64>top);
    setInt(list, block, block);
  }
  const selected = selectTop(list, blocks, weights, <f64>k, true);
  return <f32>weightAt(weights, lastOf(list, selected, weights));
}

/** Makes the possible logits from `bound` on the candidates; returns their number. */
function keepFrom(bound: f32, vocabulary: i32): i32 {
  let count = 0;
  const end = padded(vocabulary);
  for (let first = 0; first < end; first += 4) {
    const four = v128.load(logits + ((<usize>first) << 2));
    const isPossible = f32x4.gt(four, f32x4.splat(-Infinity));
    let found = i32x4.bitmask(v128.and(isPossible, f32x4.ge(four, f32x4.splat(bound))));
    for (; found; found &= found - 1) {
      const id = first + ctz(found);
      setInt(ids, count, id);
      store<f32>(kept + ((<usize>count) << 2), load<f32>(logits + ((<usize>id) << 2)));
      count++;
    }
  }
  return count;
}

/** Gives weight 0 to all but the fewest of the heaviest that have the share p of `total`. */
function dropBelowTopP(count: i32, candidates: i32, p: f64, total: f64): void {
  // All that are lighter have less than the share 1 − p in total. The factor allows for rounding.
  const minWeight = (((1 - p) * total) / <f64>candidates) * (1 - 1e-9);
  let heavy = 0;
  for (let i = 0; i < count; i++) {
    setInt(list, heavy, i);
    heavy += i32(weightAt(weights, i) >= minWeight);
  }
  const last = lastOf(list, selectTop(list, heavy, weights, p * total, false), weights);
  const least = weightAt(weights, last);
  for (let i = 0; i < count; i++) {
    const weight = weightAt(weights, i);
    if (weight < least || (weight == least && i > last)) drop(i);
  }
}
