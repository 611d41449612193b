// Rows of int8 codes, or of four bits each, which embeddings and heads have.

import { multiplyAdd, splatOf, sumLanes } from "../../kernels/cpu/math.as";
import { addDots, addHigh, addLow } from "./dots.as";
import { blockSize, blocksOf } from "./rounding.as";
import { GroupedProduct, oneScale } from "./tile.as";

/** Output `o` of all rows. */
export function wideOutput(p: GroupedProduct, o: i32): void {
  for (let row = 0; row < p.rows; row++) {
    let value = wideSum(p, row, o) * load<f32>(p.unit + ((<usize>row) << 2));
    if (p.bias) value += load<f32>(p.bias + ((<usize>o) << 2));
    store<f32>(p.y + ((<usize>row * <usize>p.out + <usize>o) << 2), value);
  }
}

/** Σ (s·m·(Σ q·w) + offset·Σ m·q): an exact integer for each block of activations, floats over blocks. */
function wideSum(p: GroupedProduct, row: i32, o: i32): f32 {
  const q = p.q + <usize>row * <usize>p.width;
  const units = p.units + ((<usize>row * <usize>blocksOf(p.width)) << 2);
  const isHalves = p.type == 3;
  const codes = p.codes + ((<usize>o * <usize>p.width) >> (isHalves ? 1 : 0));
  const groups = p.width / p.group;
  const taken = min(p.group, blockSize);
  const sums = p.sums + ((<usize>row * <usize>groups) << 2);
  let total = f32x4.splat(0);
  let rest: f32 = 0;
  for (let g = 0; g < groups; g++) {
    const scale = oneScale(p.scales, o * groups + g, p.halves);
    for (let c = g * p.group; c < (g + 1) * p.group; c += taken) {
      const x = q + <usize>c;
      const sum = isHalves ? sumOfHalves(x, codes + <usize>(c >> 1)) : sumOfBytes(x, codes + <usize>c, taken);
      const m = <f32>(load<u32>(units + ((<usize>(c / blockSize)) << 2)) & 0xffff);
      total = multiplyAdd(f32x4.convert_i32x4_s(sum), f32x4.splat(scale * m), total);
    }
    if (p.offsets) {
      rest += load<f32>(p.offsets + ((<usize>(o * groups + g)) << 2)) * <f32>load<i32>(sums + ((<usize>g) << 2));
    }
  }
  return sumLanes(total) + rest;
}

/** Σ q·w of `count` int8 codes, in four parts, each of four neighbours in every 16. */
// @ts-ignore: decorator
@inline
function sumOfBytes(q: usize, codes: usize, count: i32): v128 {
  let first = i32x4.splat(0);
  let last = i32x4.splat(0);
  for (let k: usize = 0; k < <usize>count; k += 16) {
    first = i32x4.add(first, i32x4.dot_i16x8_s(v128.load8x8_s(q + k), v128.load8x8_s(codes + k)));
    last = i32x4.add(last, i32x4.dot_i16x8_s(v128.load8x8_s(q + k, 8), v128.load8x8_s(codes + k, 8)));
  }
  return sumsOfFours(first, last);
}

/** The lower four bits of each byte; see `splatOf`. */
const lowerHalves = memory.data<u32>([0x0f0f0f0f]);

/** The same of 32 codes of four bits: byte k of 16 holds columns k and k + 16. */
// @ts-ignore: decorator
@inline
function sumOfHalves(q: usize, codes: usize): v128 {
  const both = v128.load(codes);
  const mask = splatOf(lowerHalves, 0);
  const lower = v128.and(both, mask);
  const upper = v128.and(i16x8.shr_u(both, 4), mask);
  const a = v128.load(q);
  const b = v128.load(q, 16);
  if (ASC_FEATURE_RELAXED_SIMD) return addDots<i32>(addDots<i32>(i32x4.splat(0), a, lower), b, upper);
  // Of at most 2·128·15 each.
  const first = i32x4.extadd_pairwise_i16x8_s(addLow(addLow(i16x8.splat(0), a, lower), b, upper));
  const last = i32x4.extadd_pairwise_i16x8_s(addHigh(addHigh(i16x8.splat(0), a, lower), b, upper));
  return sumsOfFours(first, last);
}

/** Of sums of pairs, those of columns 0 to 7 of 16 and those of the others. */
// @ts-ignore: decorator
@inline
function sumsOfFours(first: v128, last: v128): v128 {
  return i32x4.add(i32x4.shuffle(first, last, 0, 2, 4, 6), i32x4.shuffle(first, last, 1, 3, 5, 7));
}
