// What all products with grouped codes share: their arguments, scales of a group, and outputs of a tile.

import { finiteHalves } from "../../kernels/cpu/math.as";
import { Optional } from "../../kernels/cpu/optional.as";

@unmanaged
export class GroupedMatrix {
  codes: usize; // [out, width], laid out as packed.ts says
  scales: usize; // [out, width / group] in f16 or f32, finite, laid out as packed.ts says
  bias: Optional; // [out]
  y: usize; // [rows, out]
  width: i32;
  group: i32;
  out: i32;
  type: i32; // of codes: 0 ternary, 1 binary, 2 int8, 3 four bits
  halves: i32; // 1: scales are f16, 0: f32
}

@unmanaged
export class GroupedProduct extends GroupedMatrix {
  q: usize; // [rows, width] i8, or [groups, rows / 2, group / 4, 2, 4] for several rows with tiles
  units: usize; // [rows, ceil(width / 32)] u32: m in both halves
  sums: usize; // [rows, width / group] i32
  unit: usize; // [rows] f32
  rows: i32;
  offsets: Optional; // [out, width / group], of int8 codes and those of four bits
}

/** Lanes of a whole tile: neighbouring words of four columns. */
export const tileLanes: i32 = 8;

/** Bytes of numbers [planes, 8 lanes]. */
// @ts-ignore: decorator
@inline
export function planeBytes(planes: i32): usize {
  return (<usize>planes) << 5;
}

/** Four neighbouring scales, times `worth`, a power of two. */
// @ts-ignore: decorator
@inline
export function fourScales(scales: usize, index: i32, halves: i32, worth: f32): v128 {
  const four = halves
    ? finiteHalves(i32x4.shl(v128.load16x4_s(scales + ((<usize>index) << 1)), 13))
    : v128.load(scales + ((<usize>index) << 2));
  return f32x4.mul(four, f32x4.splat(worth));
}

/** One scale. */
export function oneScale(scales: usize, index: i32, halves: i32): f32 {
  if (!halves) return load<f32>(scales + ((<usize>index) << 2));
  const bits = (<i32>load<i16>(scales + ((<usize>index) << 1)) << 13) & 0x8fffe000;
  return reinterpret<f32>(bits) * reinterpret<f32>((112 + 127) << 23);
}

/** The scales of a tile's rows in one group, from `index` on, as floats [planes, 8 lanes]. */
export function scalesOfGroup(p: GroupedMatrix, index: i32, rows: i32, lanes: i32, planes: i32, to: usize): void {
  if (rows == planes * tileLanes) {
    for (let k = 0; k < rows; k += 4) v128.store(to + ((<usize>k) << 2), fourScales(p.scales, index + k, p.halves, 1));
    return;
  }
  memory.fill(to, 0, planeBytes(planes));
  for (let row = 0; row < rows; row++) {
    const slot = (row / lanes) * tileLanes + (row % lanes);
    store<f32>(to + ((<usize>slot) << 2), oneScale(p.scales, index + row, p.halves));
  }
}

/** y = u · sums + bias for the outputs of a tile, from its sums [planes, 8 lanes]. */
export function writeTile(p: GroupedProduct, row: i32, first: i32, rows: i32, lanes: i32, sums: usize): void {
  const unit = load<f32>(p.unit + ((<usize>row) << 2));
  const y = p.y + ((<usize>row * <usize>p.out + <usize>first) << 2);
  const bias = p.bias + ((<usize>first) << 2);
  if (lanes == tileLanes && !p.bias && (rows & 3) == 0) {
    const end = (<usize>rows) << 2;
    for (let at: usize = 0; at < end; at += 16) v128.store(y + at, f32x4.mul(v128.load(sums + at), f32x4.splat(unit)));
    return;
  }
  for (let r = 0; r < rows; r++) {
    const slot = (r / lanes) * tileLanes + (r % lanes);
    const at = (<usize>r) << 2;
    let value = unit * load<f32>(sums + ((<usize>slot) << 2));
    if (p.bias) value += load<f32>(bias + at);
    store<f32>(y + at, value);
  }
}
