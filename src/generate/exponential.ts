/**
 * exp x for x ≤ 0, within 2 units in the last place, using only +, −, × and rounding: the same bits on every platform,
 * which Math.exp does not promise.
 *
 * @param values values[at[i]] becomes its exponential, for all i. A loop, because calls for single numbers put the numbers
 *   on the heap whenever the compiler does not inline them, which is four times slower.
 * @param at default: all
 * @returns the sum of the exponentials, added in this order
 */
export function exponentials(values: Float64Array, at?: Uint32Array): number {
  const count = (at ?? values).length;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const index = at ? at[i]! : i;
    const x = values[index]!;
    if (x < -708) {
      values[index] = 0; // smaller results are subnormal, which as probabilities are zero
      continue;
    }
    // exp x = 2^-k · exp r with |r| ≤ ln 2 / 2; ln 2 in two parts, the first short enough that k times it is exact.
    const k = Math.round(-x * Math.LOG2E) | 0; // an integer: −0, which rounding may give, is a slow index
    const r = x + k * LN2_HIGH + k * LN2_LOW;
    const r2 = r * r;
    // Taylor's series to r^13 / 13!, even and odd powers apart so that a processor works on both at once.
    const even = 1 + r2 * (E2 + r2 * (E4 + r2 * (E6 + r2 * (E8 + r2 * (E10 + r2 * E12)))));
    const odd = 1 + r2 * (E3 + r2 * (E5 + r2 * (E7 + r2 * (E9 + r2 * (E11 + r2 * E13)))));
    const result = (even + r * odd) * POWERS[k]!;
    values[index] = result;
    sum += result;
  }
  return sum;
}

/** E⟨n⟩ = 1 / n! */
const E2 = 1 / 2;
const E3 = 1 / 6;
const E4 = 1 / 24;
const E5 = 1 / 120;
const E6 = 1 / 720;
const E7 = 1 / 5040;
const E8 = 1 / 40320;
const E9 = 1 / 362880;
const E10 = 1 / 3628800;
const E11 = 1 / 39916800;
const E12 = 1 / 479001600;
const E13 = 1 / 6227020800;
const LN2_HIGH = 0x1_62e42fee / 2 ** 33;
const LN2_LOW = 1.9082149292705877e-10;
/** 2^-k */
const POWERS = Float64Array.from({ length: 1023 }, (_, k) => 2 ** -k);
