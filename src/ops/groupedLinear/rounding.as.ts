// Activations to int8 in blocks of 32 inputs, whose steps are whole multiples of one unit a token: see reference.ts.

import { floatAt, loadLanes, maxLanes, shareStart } from "../../kernels/cpu/math.as";

/** Inputs whose activations are rounded with one step. */
export const blockSize: i32 = 32;

/** The largest number of units in a step. */
const mostUnits: f32 = 4095;

@unmanaged
class RoundRows {
  x: usize; // [rows, width]
  q: usize; // [rows, width] i8
  units: usize; // [rows, ceil(width / 32)] u32: m in both halves, so that a splat of it multiplies pairs of sums
  sums: usize; // [rows, width / group] i32: Σ m·q of each group of weights
  unit: usize; // [rows] f32
  rows: i32;
  width: i32;
  group: i32;
}

export function roundRows(args: usize, thread: i32, threads: i32): void {
  const p = changetype<RoundRows>(args);
  const end = shareStart(p.rows, 1, thread + 1, threads);
  const blocks = blocksOf(p.width);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const x = floatAt(p.x, row, p.width);
    const q = p.q + <usize>row * <usize>p.width;
    const sums = floatAt(p.sums, row, p.width / p.group);
    roundRow(x, p.width, p.group, q, floatAt(p.units, row, blocks), sums, floatAt(p.unit, row, 1));
  }
}

// @ts-ignore: decorator
@inline
export function blocksOf(width: i32): i32 {
  return (width + blockSize - 1) / blockSize;
}

/** One row, whose width is a multiple of 16. */
export function roundRow(x: usize, width: i32, group: i32, q: usize, units: usize, sums: usize, unit: usize): void {
  const one = max(largestOf(x, 0, width), 1e-30) / (127 * mostUnits);
  store<f32>(unit, one);
  for (let b = 0; b < blocksOf(width); b++) {
    const first = b * blockSize;
    const end = min(first + blockSize, width);
    const m = min(Mathf.floor(largestOf(x, first, end) / (127 * one)) + 1, mostUnits);
    const whole = <u32>m;
    store<u32>(units + ((<usize>b) << 2), whole | (whole << 16));
    const step = f32x4.splat(m * one);
    for (let c = first; c < end; c += 16) {
      const at = x + ((<usize>c) << 2);
      const low = i16x8.narrow_i32x4_s(rounded(v128.load(at), step), rounded(v128.load(at, 16), step));
      const high = i16x8.narrow_i32x4_s(rounded(v128.load(at, 32), step), rounded(v128.load(at, 48), step));
      v128.store(q + <usize>c, i8x16.narrow_i16x8_s(low, high));
    }
  }
  for (let g = 0; g < width / group; g++) {
    store<i32>(sums + ((<usize>g) << 2), sumOfGroup(q, units, g * group, (g + 1) * group));
  }
}

/** Σ m·q of columns [from, end), multiples of 16. */
function sumOfGroup(q: usize, units: usize, from: i32, end: i32): i32 {
  let sum = i32x4.splat(0);
  for (let c = from; c < end; c += 16) {
    const m = v128.load32_splat(units + ((<usize>(c / blockSize)) << 2));
    const pairs = i16x8.extadd_pairwise_i8x16_s(v128.load(q + <usize>c));
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(pairs, m));
  }
  return i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1) + (i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3));
}

/** max|x| of columns [from, end) */
function largestOf(x: usize, from: i32, end: i32): f32 {
  let top = f32x4.splat(0);
  for (let c = from; c < end; c += 4) top = f32x4.max(top, f32x4.abs(loadLanes(x, c, end)));
  return maxLanes(top);
}

/** round(x / step), halves to even */
// @ts-ignore: decorator
@inline
function rounded(x: v128, step: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.div(x, step)));
}
