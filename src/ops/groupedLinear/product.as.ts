// Products of rounded activations with grouped codes: exact integers within a group, floats over groups in order.

import { multiplyAdd, shareStart, sumLanes } from "../../kernels/cpu/math.as";
import { workspaceStart } from "../../kernels/cpu/workspace.as";
import { binaryRows, binarySums } from "./binary.as";
import { blockSize, blocksOf } from "./rounding.as";
import { ternaryRows, ternarySums } from "./ternary.as";
import { clear, fourScales, GroupedProduct, oneScale, tileLanes, widen, widenScales, writeTile } from "./tile.as";

/** Where a thread keeps what it needs for a tile: integer sums, float sums, and codes and scales of a last tile. */
const floatsAt: usize = 256;
const codesAt: usize = 512;
const scalesAt: usize = 768;
/** Bytes of all that. */
export const tileBytes: usize = 1024;

export function groupedProduct(args: usize, thread: i32, threads: i32): void {
  multiplyGrouped(changetype<GroupedProduct>(args), thread, threads);
}

/** Threads share tiles of output rows. */
export function multiplyGrouped(p: GroupedProduct, thread: i32, threads: i32): void {
  const height = p.type == 0 ? ternaryRows : p.type == 1 ? binaryRows : 1;
  const tiles = (p.out + height - 1) / height;
  const end = shareStart(tiles, 1, thread + 1, threads);
  for (let tile = shareStart(tiles, 1, thread, threads); tile < end; tile++) {
    for (let row = 0; row < p.rows; row++) {
      if (p.type == 2) byteRow(p, row, tile);
      else tileOfRow(p, row, tile * height, height);
    }
  }
}

/** A tile of outputs of one row, from output `first` on. */
function tileOfRow(p: GroupedProduct, row: i32, first: i32, height: i32): void {
  const rows = min(height, p.out - first);
  const planes = height / tileLanes;
  const lanes = (rows + planes - 1) / planes;
  const groups = p.width / p.group;
  const integers = workspaceStart();
  const floats = integers + floatsAt;
  const codes = p.codes + <usize>(first / planes) * <usize>p.width;
  const sums = p.sums + ((<usize>row * <usize>groups) << 2);
  clear(floats, (<usize>planes) << 5);
  for (let g = 0; g < groups; g++) {
    clear(integers, (<usize>planes) << 5);
    groupSums(p, row, codes, lanes, g, integers);
    const at = first * groups + g * rows;
    if (lanes == tileLanes && rows == height) {
      addGroup(integers, planes, load<i32>(sums + ((<usize>g) << 2)), p.scales, at, p.halves, floats);
    } else {
      const wide = integers + scalesAt;
      widenScales(p.scales, at, p.halves, rows, lanes, planes, wide);
      addGroup(integers, planes, load<i32>(sums + ((<usize>g) << 2)), wide, 0, 0, floats);
    }
  }
  writeTile(p, row, first, rows, lanes, floats);
}

/** Σ m·q·code of group g for all rows of a tile. */
// @ts-ignore: decorator
@inline
function groupSums(p: GroupedProduct, row: i32, codes: usize, lanes: i32, g: i32, to: usize): void {
  const q = p.q + <usize>row * <usize>p.width;
  const units = p.units + ((<usize>row * <usize>blocksOf(p.width)) << 2);
  const taken = min(p.group, blockSize);
  for (let c = g * p.group; c < (g + 1) * p.group; c += taken) {
    let from = codes + <usize>c * <usize>lanes;
    if (lanes < tileLanes) {
      widen(from, lanes, taken >> 2, to + codesAt);
      from = to + codesAt;
    }
    const m = v128.load32_splat(units + ((<usize>(c / blockSize)) << 2));
    if (p.type == 0) ternarySums(from, q + <usize>c, taken >> 2, m, to);
    else binarySums(from, q + <usize>c, taken >> 2, m, to);
  }
}

/**
 * Adds s·Σ m·q·w of a group to the floats [planes, 8 lanes], from the sums of codes: Σ q·w is Σ q·code − Σ q for
 * ternary codes w + 1, and 2·Σ q·bit − Σ q for binary ones. Sums of plane j are 2^j (binary) or 4^j (ternary) times
 * as large within each half of a byte, which is the same for Σ q.
 */
// @ts-ignore: decorator
@inline
function addGroup(integers: usize, planes: i32, sum: i32, scales: usize, at: i32, halves: i32, floats: usize): void {
  const bits = 8 / planes;
  const doubled = planes == 8 ? 1 : 0;
  for (let plane = 0; plane < planes; plane++) {
    const shift = (plane * bits) & 3;
    const all = i32x4.splat(sum << shift);
    const worth = f32x4.splat(1 / <f32>(1 << shift));
    for (let half = 0; half < 2; half++) {
      const offset = ((<usize>plane) << 5) + ((<usize>half) << 4);
      const whole = i32x4.sub(i32x4.shl(v128.load(integers + offset), doubled), all);
      const s = f32x4.mul(fourScales(scales, at + plane * tileLanes + half * 4, halves), worth);
      v128.store(floats + offset, multiplyAdd(f32x4.convert_i32x4_s(whole), s, v128.load(floats + offset)));
    }
  }
}

/** One output of one row, of int8 codes. */
function byteRow(p: GroupedProduct, row: i32, o: i32): void {
  const q = p.q + <usize>row * <usize>p.width;
  const units = p.units + ((<usize>row * <usize>blocksOf(p.width)) << 2);
  const codes = p.codes + <usize>o * <usize>p.width;
  const groups = p.width / p.group;
  const taken = min(p.group, blockSize);
  let total = f32x4.splat(0);
  for (let g = 0; g < groups; g++) {
    const scale = oneScale(p.scales, o * groups + g, p.halves);
    for (let c = g * p.group; c < (g + 1) * p.group; c += taken) {
      let sum = i32x4.splat(0);
      for (let k = c; k < c + taken; k += 8) {
        sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load8x8_s(q + <usize>k), v128.load8x8_s(codes + <usize>k)));
      }
      const m = <f32>(load<u32>(units + ((<usize>(c / blockSize)) << 2)) & 0xffff);
      total = multiplyAdd(f32x4.convert_i32x4_s(sum), f32x4.splat(scale * m), total);
    }
  }
  let value = sumLanes(total) * load<f32>(p.unit + ((<usize>row) << 2));
  if (p.bias) value += load<f32>(p.bias + ((<usize>o) << 2));
  store<f32>(p.y + ((<usize>row * <usize>p.out + <usize>o) << 2), value);
}
