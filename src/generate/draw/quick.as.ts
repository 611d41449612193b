// Draws among all tokens from weights that are within 3e-9 of their size, in a third of the time of exact ones. Where the
// random number falls within `margin` of the border between two tokens, exact weights decide, so that the token is
// always theirs.

import { weightAt } from "./select.as";

/** A share of the sum of all weights. Errors of that sum and of the sum up to a token are below 3e-9 each. */
const margin: f64 = 1e-8;

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
  const top = f64x2.splat(largest);
  const rate = f64x2.splat(LOG2E / temperature);
  let total: f64 = 0;
  let at = logits;
  for (let block = 0; block < blocks; block++) {
    let a = f64x2.splat(0);
    let b = a;
    for (const end = at + ((<usize>blockSize) << 2); at < end; at += 16) {
      a = f64x2.add(a, weightsOf(at, top, rate));
      b = f64x2.add(b, weightsOf(at + 8, top, rate));
    }
    a = f64x2.add(a, b);
    const sum = f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1);
    store<f64>(sums + ((<usize>block) << 3), sum);
    total += sum;
  }
  const target = uniform * total;
  let before: f64 = 0;
  let block = 0;
  while (block < blocks && before + weightAt(sums, block) <= target) before += weightAt(sums, block++);
  if (block == blocks) return -1;
  const weights = sums + ((<usize>blocks) << 3);
  at = logits + ((<usize>(block * blockSize)) << 2);
  for (let i: usize = 0; i < <usize>blockSize; i += 2) v128.store(weights + (i << 3), weightsOf(at + (i << 2), top, rate));
  const doubt = margin * total;
  for (let i = 0; i < blockSize; i++) {
    const after = before + weightAt(weights, i);
    if (after > target) return before <= target - doubt && after >= target + doubt ? block * blockSize + i : -1;
    before = after;
  }
  return -1;
}
