// Draws among all tokens from weights in float32, which take a tenth of the time of exact ones. Where the random number
// falls too close to the border between two tokens, weights within 3e-9 of their size decide, and where that is too close,
// exact ones, so that the token is always theirs.

import { weightAt } from "./select.as";

/** A share of the sum of all weights. Errors of that sum and of the sum up to a token are below 3e-9 each. */
const margin: f64 = 1e-8;

/**
 * The same of float32. A weight 2^y is off by 1.3e-7 of its size for each unit of y, which three roundings have made, and
 * those below 2^-40 are no share; its power is off by 3e-7, a sum of sixteen by 1e-6. In all that is 7e-6 for each sum.
 */
const coarseMargin: f64 = 2e-5;

/** Tokens of a block, of which the sum is kept. */
export const blockSize: i32 = 64;

const LOG2E: f64 = 1.4426950408889634;

// Numbers that stand in memory: a constant would be built again at every use.
/** Added to a number below 2^51, it rounds it to an integer, which the lower bits then hold. */
const MAGIC: usize = 0;
/** Weights below 2^-1000 count as that. */
const LEAST: usize = 8;
/** 2^f for |f| ≤ 1/2, from the lowest power up; relative error 2.6e-9. */
const POWERS: usize = 16;
const numbers = memory.data<f64>([
  6755399441055744, -1000,
  1, 0.6931472067028321, 0.24022650922288827, 0.05550327226670944, 0.00961805667852609, 0.0013400428177419153, 0.0001546144469646172,
]);

// @ts-ignore: decorator
@inline
function number(at: usize): v128 {
  return v128.load64_splat(numbers + at);
}

/** The same as float32: 1.5 · 2^23, −126, and powers with an error of 2e-7. */
const floats = memory.data<f32>([12582912, -126, 1, 0.6931472, 0.24022651, 0.05550411, 0.009618129, 0.0013333558]);

// @ts-ignore: decorator
@inline
function float(index: usize): v128 {
  return v128.load32_splat(floats + (index << 2));
}

/** a + b·x */
// @ts-ignore: decorator
@inline
function linear(a: v128, b: v128, x: v128): v128 {
  return f64x2.add(a, f64x2.mul(b, x));
}

/** 2^((logit − top)·rate) of the two logits at `at`. */
// @ts-ignore: decorator
@inline
function weightsOf(at: usize, top: v128, rate: v128): v128 {
  const y = f64x2.mul(f64x2.sub(f64x2.promote_low_f32x4(v128.load64_zero(at)), top), rate);
  const x = f64x2.pmax(y, number(LEAST));
  const shifted = f64x2.add(x, number(MAGIC));
  const f = f64x2.sub(x, f64x2.sub(shifted, number(MAGIC)));
  const f2 = f64x2.mul(f, f);
  const low = linear(number(POWERS), number(POWERS + 8), f);
  const middle = linear(number(POWERS + 16), number(POWERS + 24), f);
  const high = linear(number(POWERS + 32), number(POWERS + 40), f);
  const power = linear(low, linear(middle, linear(high, number(POWERS + 48), f2), f2), f2);
  return i64x2.add(power, i64x2.shl(shifted, 52));
}

/**
 * The token at which the weights so far exceed the share `uniform` of all; −1: too close to decide.
 * @param logits padded with −Infinity to whole blocks
 * @param sums room for the sum of each block, and for the weights of one
 */
export function quickDraw(
  logits: usize,
  blocks: i32,
  largest: f64,
  temperature: f64,
  uniform: f64,
  sums: usize,
): i32 {
  const rate = LOG2E / temperature;
  const coarse = coarseSums(logits, blocks, <f32>largest, <f32>rate, sums);
  const found = tokenAt(logits, blocks, largest, rate, uniform * coarse, coarseMargin * coarse, sums);
  if (found >= 0) return found;
  const total = blockSums(logits, blocks, largest, rate, sums);
  return tokenAt(logits, blocks, largest, rate, uniform * total, margin * total, sums);
}

/** Stores the sums of all blocks, and returns their sum. */
function coarseSums(logits: usize, blocks: i32, largest: f32, rate: f32, sums: usize): f64 {
  const top = f32x4.splat(largest);
  const rates = f32x4.splat(rate);
  const magic = float(0);
  const least = float(1);
  const p0 = float(2);
  const p1 = float(3);
  const p2 = float(4);
  const p3 = float(5);
  const p4 = float(6);
  const p5 = float(7);
  let total: f64 = 0;
  let at = logits;
  for (let block = 0; block < blocks; block++) {
    let sum = f32x4.splat(0);
    for (const end = at + ((<usize>blockSize) << 2); at < end; at += 16) {
      const x = f32x4.pmax(f32x4.mul(f32x4.sub(v128.load(at), top), rates), least);
      const shifted = f32x4.add(x, magic);
      const f = f32x4.sub(x, f32x4.sub(shifted, magic));
      const f2 = f32x4.mul(f, f);
      const low = f32x4.add(p0, f32x4.mul(p1, f));
      const middle = f32x4.add(p2, f32x4.mul(p3, f));
      const high = f32x4.add(p4, f32x4.mul(p5, f));
      const power = f32x4.add(low, f32x4.mul(f32x4.add(middle, f32x4.mul(high, f2)), f2));
      sum = f32x4.add(sum, i32x4.add(power, i32x4.shl(shifted, 23)));
    }
    const pairs = f64x2.add(f64x2.promote_low_f32x4(sum), f64x2.promote_low_f32x4(i64x2.shuffle(sum, sum, 1, 0)));
    total += keepSum(pairs, sums, block);
  }
  return total;
}

/** The same in float64. */
function blockSums(logits: usize, blocks: i32, largest: f64, rate: f64, sums: usize): f64 {
  const top = f64x2.splat(largest);
  const rates = f64x2.splat(rate);
  let total: f64 = 0;
  let at = logits;
  for (let block = 0; block < blocks; block++) {
    let a = f64x2.splat(0);
    let b = a;
    for (const end = at + ((<usize>blockSize) << 2); at < end; at += 16) {
      a = f64x2.add(a, weightsOf(at, top, rates));
      b = f64x2.add(b, weightsOf(at + 8, top, rates));
    }
    total += keepSum(f64x2.add(a, b), sums, block);
  }
  return total;
}

/** Stores the sum of both lanes as that of a block. */
// @ts-ignore: decorator
@inline
function keepSum(pair: v128, sums: usize, block: i32): f64 {
  const sum = f64x2.extract_lane(pair, 0) + f64x2.extract_lane(pair, 1);
  store<f64>(sums + ((<usize>block) << 3), sum);
  return sum;
}

/** The token at which the weights so far exceed `target`; −1: one of its borders is within `doubt` of it. */
function tokenAt(logits: usize, blocks: i32, largest: f64, rate: f64, target: f64, doubt: f64, sums: usize): i32 {
  let before: f64 = 0;
  let block = 0;
  while (block < blocks && before + weightAt(sums, block) <= target) before += weightAt(sums, block++);
  if (block == blocks) return -1;
  const weights = sums + ((<usize>blocks) << 3);
  const at = logits + ((<usize>(block * blockSize)) << 2);
  const top = f64x2.splat(largest);
  const rates = f64x2.splat(rate);
  for (let i: usize = 0; i < <usize>blockSize; i += 2) v128.store(weights + (i << 3), weightsOf(at + (i << 2), top, rates));
  for (let i = 0; i < blockSize; i++) {
    const after = before + weightAt(weights, i);
    if (after > target) return before <= target - doubt && after >= target + doubt ? block * blockSize + i : -1;
    before = after;
  }
  return -1;
}
