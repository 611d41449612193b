// exp x for x ≤ 0, two pairs of numbers at a time, with the bits of exponential.ts: the same operations in the same order.

// Numbers that stand in memory: a constant would be built again at every use.
const LOG2E: usize = 0;
const HALF: usize = 8;
const ONE: usize = 16;
const LN2_HIGH: usize = 24;
const LN2_LOW: usize = 32;
const LEAST: usize = 40; // smaller results are subnormal, which as probabilities are zero
/** 1 / 12!, 1 / 10!, …, 1 / 2!, then 1 / 13!, 1 / 11!, …, 1 / 3!. */
const EVEN: usize = 48;
const ODD: usize = 96;
const numbers = memory.data<f64>([
  1.4426950408889634, 0.5, 1, 0.6931471803691238, 1.9082149292705877e-10, -708,
  2.08767569878681e-9, 2.755731922398589e-7, 0.0000248015873015873, 0.001388888888888889, 0.041666666666666664, 0.5,
  1.6059043836821613e-10, 2.505210838544172e-8, 0.0000027557319223985893, 0.0001984126984126984, 0.008333333333333333, 0.16666666666666666,
]);

// @ts-ignore: decorator
@inline
function number(at: usize): v128 {
  return v128.load64_splat(numbers + at);
}

/** The nearest integer, as Math.round gives it: halves go up. */
// @ts-ignore: decorator
@inline
function round(x: v128): v128 {
  const above = f64x2.ceil(x);
  const isFar = f64x2.gt(f64x2.sub(above, number(HALF)), x);
  return f64x2.sub(above, v128.and(isFar, number(ONE)));
}

/** c + r2·sum, a step of Horner's rule. */
// @ts-ignore: decorator
@inline
function step(r2: v128, sum: v128, c: v128): v128 {
  return f64x2.add(c, f64x2.mul(r2, sum));
}

/** x + k·ln 2, in two parts of which the first is exact. */
// @ts-ignore: decorator
@inline
function reduced(x: v128, k: v128): v128 {
  return f64x2.add(f64x2.add(x, f64x2.mul(k, number(LN2_HIGH))), f64x2.mul(k, number(LN2_LOW)));
}

/** (even + r·odd)·2^-k, or 0 for x below −708. */
// @ts-ignore: decorator
@inline
function scaled(x: v128, k: v128, r: v128, even: v128, odd: v128): v128 {
  const exponent = i64x2.sub(i64x2.splat(1023), i64x2.extend_low_i32x4_s(i32x4.trunc_sat_f64x2_s_zero(k)));
  const result = f64x2.mul(f64x2.add(even, f64x2.mul(r, odd)), i64x2.shl(exponent, 52));
  return v128.andnot(result, f64x2.lt(x, number(LEAST)));
}

/**
 * to[i] = exp((values[i] − largest) / temperature), of `count` float32 values; zeros follow up to a multiple of four.
 * Between `values` and the next multiple of four must be −Infinity.
 * @returns the sum, added in this order
 */
export function exponentials(values: usize, count: i32, largest: f64, temperature: f64, to: usize): f64 {
  const end = to + ((<usize>((count + 3) & ~3)) << 3);
  const top = f64x2.splat(largest);
  const divisor = f64x2.splat(temperature);
  let sum: f64 = 0;
  for (; to < end; to += 32) {
    const four = v128.load(values);
    const x = f64x2.div(f64x2.sub(f64x2.promote_low_f32x4(four), top), divisor);
    const y = f64x2.div(f64x2.sub(f64x2.promote_low_f32x4(i64x2.shuffle(four, four, 1, 1)), top), divisor);
    const kx = round(f64x2.mul(f64x2.neg(x), number(LOG2E)));
    const ky = round(f64x2.mul(f64x2.neg(y), number(LOG2E)));
    const rx = reduced(x, kx);
    const ry = reduced(y, ky);
    const rx2 = f64x2.mul(rx, rx);
    const ry2 = f64x2.mul(ry, ry);
    let evenX = number(EVEN);
    let evenY = evenX;
    let oddX = number(ODD);
    let oddY = oddX;
    // Written out: V8 does not unroll loops of vectors.
    evenX = step(rx2, evenX, number(EVEN + 8));
    evenY = step(ry2, evenY, number(EVEN + 8));
    oddX = step(rx2, oddX, number(ODD + 8));
    oddY = step(ry2, oddY, number(ODD + 8));
    evenX = step(rx2, evenX, number(EVEN + 16));
    evenY = step(ry2, evenY, number(EVEN + 16));
    oddX = step(rx2, oddX, number(ODD + 16));
    oddY = step(ry2, oddY, number(ODD + 16));
    evenX = step(rx2, evenX, number(EVEN + 24));
    evenY = step(ry2, evenY, number(EVEN + 24));
    oddX = step(rx2, oddX, number(ODD + 24));
    oddY = step(ry2, oddY, number(ODD + 24));
    evenX = step(rx2, evenX, number(EVEN + 32));
    evenY = step(ry2, evenY, number(EVEN + 32));
    oddX = step(rx2, oddX, number(ODD + 32));
    oddY = step(ry2, oddY, number(ODD + 32));
    evenX = step(rx2, evenX, number(EVEN + 40));
    evenY = step(ry2, evenY, number(EVEN + 40));
    oddX = step(rx2, oddX, number(ODD + 40));
    oddY = step(ry2, oddY, number(ODD + 40));
    const one = number(ONE);
    const a = scaled(x, kx, rx, step(rx2, evenX, one), step(rx2, oddX, one));
    const b = scaled(y, ky, ry, step(ry2, evenY, one), step(ry2, oddY, one));
    v128.store(to, a);
    v128.store(to, b, 16);
    sum += f64x2.extract_lane(a, 0);
    sum += f64x2.extract_lane(a, 1);
    sum += f64x2.extract_lane(b, 0);
    sum += f64x2.extract_lane(b, 1);
    values += 16;
  }
  return sum;
}
