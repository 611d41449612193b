// Activations to int8 in blocks of 32 inputs, whose steps are whole multiples of one unit a token: see reference.ts.

import { nativeRowKernel, RowKernel } from "../../kernels/cpu/native.as";
import { floatAt, largestMagnitude, loadLanes, magnitude4, nearestSmall4, shareStart } from "../../kernels/cpu/math.as";

/** Inputs whose activations are rounded with one step. */
export const blockSize: i32 = 32;

/** The largest number of units in a step. */
const maxUnits: f32 = 4095;

@unmanaged
export class RoundRows {
  x: usize; // [rows, width]
  q: usize; // [rows, width] i8, or [groups, rows / 2, group / 4, 2, 4] if `inPairs`
  units: usize; // [rows, ceil(width / 32)] u32: m in both halves, so that a splat of it multiplies pairs of sums
  sums: usize; // [rows, width / group] i32: Σ m·q of each group of weights
  unit: usize; // [rows] f32
  rows: i32;
  width: i32;
  group: i32;
  inPairs: i32;
}

export function roundRows(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.roundRows, args, thread, threads)) return;
  const p = changetype<RoundRows>(args);
  const end = shareStart(p.rows, 1, thread + 1, threads);
  const blocks = blocksOf(p.width);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const x = floatAt(p.x, row, p.width);
    const q = p.inPairs ? pairAt(p.q, row, p.group) : p.q + <usize>row * <usize>p.width;
    const sums = floatAt(p.sums, row, p.width / p.group);
    const next = <usize>p.group * (p.inPairs ? <usize>((p.rows + 1) & ~1) : 1);
    roundRow(x, p.width, p.group, q, p.inPairs ? 8 : 4, next, floatAt(p.units, row, blocks), sums, floatAt(p.unit, row, 1));
  }
}

/**
 * A row among those of a group, pairs whose groups of four columns take turns. Groups come first, because rows whose
 * distance is a power of two would drive one another out of the cache.
 */
// @ts-ignore: decorator
@inline
export function pairAt(q: usize, row: i32, group: i32): usize {
  return q + <usize>((row & ~1) * group) + ((<usize>(row & 1)) << 2);
}

// @ts-ignore: decorator
@inline
export function blocksOf(width: i32): i32 {
  return (width + blockSize - 1) / blockSize;
}

/** One row, whose width is a multiple of 16. Fours of columns are written `apart` bytes from one another, groups `next`. */
function roundRow(x: usize, width: i32, group: i32, q: usize, apart: usize, next: usize, units: usize, sums: usize, unit: usize): void {
  const one = max(largestOf(x, 0, width), 1e-30) / (127 * maxUnits);
  store<f32>(unit, one);
  let m = i32x4.splat(0);
  let step = f32x4.splat(0);
  for (let first = 0; first < width; first += group) {
    let sum = i32x4.splat(0);
    let to = q;
    for (let c = first; c < first + group; c += 16) {
      if ((c & (blockSize - 1)) == 0) {
        const count = min(Mathf.floor(largestOf(x, c, min(c + blockSize, width)) / (127 * one)) + 1, maxUnits);
        m = i32x4.splat(<u32>count | (<u32>count << 16));
        step = f32x4.splat(count * one);
        v128.store32_lane(units, m, 0);
        units += 4;
      }
      const at = x + ((<usize>c) << 2);
      const low = i16x8.narrow_i32x4_s(rounded(v128.load(at), step), rounded(v128.load(at, 16), step));
      const high = i16x8.narrow_i32x4_s(rounded(v128.load(at, 32), step), rounded(v128.load(at, 48), step));
      sum = i32x4.add(sum, i32x4.add(i32x4.dot_i16x8_s(low, m), i32x4.dot_i16x8_s(high, m)));
      const bytes = i8x16.narrow_i16x8_s(low, high);
      v128.store32_lane(to, bytes, 0);
      v128.store32_lane(to + apart, bytes, 1);
      v128.store32_lane(to + 2 * apart, bytes, 2);
      v128.store32_lane(to + 3 * apart, bytes, 3);
      to += 4 * apart;
    }
    const even = i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 2);
    store<i32>(sums, even + i32x4.extract_lane(sum, 1) + i32x4.extract_lane(sum, 3));
    sums += 4;
    q += next;
  }
}

/** max|x| of columns [from, end) */
function largestOf(x: usize, from: i32, end: i32): f32 {
  let top = i32x4.splat(0);
  for (let c = from; c < end; c += 4) top = i32x4.max_s(top, magnitude4(loadLanes(x, c, end)));
  return largestMagnitude(top);
}

/** round(x / step) */
// @ts-ignore: decorator
@inline
function rounded(x: v128, step: v128): v128 {
  return nearestSmall4(f32x4.div(x, step));
}
