// What the tiles of ternary and of binary codes share: sums of a group, their scales, and the outputs of a tile.

import { Optional } from "../../kernels/cpu/optional.as";
import { halvesToFloats } from "../../kernels/cpu/math.as";

@unmanaged
export class GroupedMatrix {
  codes: usize; // [out, width], laid out as packed.ts says
  scales: usize; // [out, width / group] in f16 or f32, laid out as packed.ts says
  bias: Optional; // [out]
  y: usize; // [rows, out]
  width: i32;
  group: i32;
  out: i32;
  type: i32; // of codes: 0 ternary, 1 binary, 2 int8
  halves: i32; // 1: scales are f16, 0: f32
}

@unmanaged
export class GroupedProduct extends GroupedMatrix {
  q: usize; // [rows, width] i8
  units: usize; // [rows, ceil(width / 32)] u32: m in both halves
  sums: usize; // [rows, width / group] i32
  unit: usize; // [rows] f32
  rows: i32;
}

/** Lanes of a whole tile: neighbouring words of four columns. */
export const tileLanes: i32 = 8;

/** Products of int8 activations with codes of at most 7 bits, added in pairs: eight 16-bit sums. */
// @ts-ignore: decorator
@inline
export function pairs(q: v128, codes: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.relaxed_dot_i8x16_i7x16_s(q, codes);
  return q; // without it, nobody comes here
}

/** Adds m times pairs of 16-bit sums to the 32-bit sums at `to`. */
// @ts-ignore: decorator
@inline
export function addTimes(to: usize, pairs: v128, m: v128): void {
  v128.store(to, i32x4.add(v128.load(to), i32x4.dot_i16x8_s(pairs, m)));
}

/** The same for products that were not added in pairs: those of lanes 0 and 1, and those of lanes 2 and 3. */
// @ts-ignore: decorator
@inline
export function addProductsTimes(to: usize, low: v128, high: v128, m: v128): void {
  const a = i32x4.dot_i16x8_s(low, m);
  const b = i32x4.dot_i16x8_s(high, m);
  const sums = i32x4.add(i32x4.shuffle(a, b, 0, 2, 4, 6), i32x4.shuffle(a, b, 1, 3, 5, 7));
  v128.store(to, i32x4.add(v128.load(to), sums));
}

// @ts-ignore: decorator
@inline
export function clear(to: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, i32x4.splat(0));
}

/** Copies `steps` groups of four columns of a last tile, with fewer lanes, to where they have all eight. */
export function widen(codes: usize, lanes: i32, steps: i32, to: usize): void {
  clear(to, (<usize>steps) << 5);
  const bytes = (<usize>lanes) << 2;
  for (let k = 0; k < steps; k++) memory.copy(to + ((<usize>k) << 5), codes + <usize>k * bytes, bytes);
}

/** Four neighbouring scales. */
// @ts-ignore: decorator
@inline
export function fourScales(scales: usize, index: i32, halves: i32): v128 {
  if (halves) return halvesToFloats(v128.load16x4_u(scales + ((<usize>index) << 1)));
  return v128.load(scales + ((<usize>index) << 2));
}

/** One scale. */
// @ts-ignore: decorator
@inline
export function oneScale(scales: usize, index: i32, halves: i32): f32 {
  if (halves) return f32x4.extract_lane(halvesToFloats(i32x4.splat(load<u16>(scales + ((<usize>index) << 1)))), 0);
  return load<f32>(scales + ((<usize>index) << 2));
}

/** Scales [rows] of a last tile, at `from`, in the order of sums: eight lanes for each plane. */
export function widenScales(scales: usize, from: i32, halves: i32, rows: i32, lanes: i32, planes: i32, to: usize): void {
  clear(to, (<usize>planes) << 5);
  for (let row = 0; row < rows; row++) {
    const slot = (row / lanes) * tileLanes + (row % lanes);
    store<f32>(to + ((<usize>slot) << 2), oneScale(scales, from + row, halves));
  }
}

/** y = u · sums + bias for the outputs of a tile, from its sums in lanes and planes. */
export function writeTile(p: GroupedProduct, row: i32, first: i32, rows: i32, lanes: i32, sums: usize): void {
  const unit = load<f32>(p.unit + ((<usize>row) << 2));
  const y = p.y + ((<usize>row * <usize>p.out + <usize>first) << 2);
  const bias = p.bias + ((<usize>first) << 2);
  for (let r = 0; r < rows; r++) {
    const slot = (r / lanes) * tileLanes + (r % lanes);
    const at = (<usize>r) << 2;
    let value = unit * load<f32>(sums + ((<usize>slot) << 2));
    if (p.bias) value += load<f32>(bias + at);
    store<f32>(y + at, value);
  }
}
