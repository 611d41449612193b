// Rows of int8 codes, which embeddings and heads have.

import { multiplyAdd, sumLanes } from "../../kernels/cpu/math.as";
import { blockSize, blocksOf } from "./rounding.as";
import { GroupedProduct, oneScale } from "./tile.as";

/** Output `o` of all rows. */
export function byteOutput(p: GroupedProduct, o: i32): void {
  for (let row = 0; row < p.rows; row++) {
    let value = byteSum(p, row, o) * load<f32>(p.unit + ((<usize>row) << 2));
    if (p.bias) value += load<f32>(p.bias + ((<usize>o) << 2));
    store<f32>(p.y + ((<usize>row * <usize>p.out + <usize>o) << 2), value);
  }
}

/** Σ (s·m·(Σ q·w) + offset·Σ m·q): an exact integer for each block of activations, floats over blocks. */
function byteSum(p: GroupedProduct, row: i32, o: i32): f32 {
  const q = p.q + <usize>row * <usize>p.width;
  const units = p.units + ((<usize>row * <usize>blocksOf(p.width)) << 2);
  const codes = p.codes + <usize>o * <usize>p.width;
  const groups = p.width / p.group;
  const taken = min(p.group, blockSize);
  const sums = p.sums + ((<usize>row * <usize>groups) << 2);
  let total = f32x4.splat(0);
  let rest: f32 = 0;
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
    if (p.offsets) {
      rest += load<f32>(p.offsets + ((<usize>(o * groups + g)) << 2)) * <f32>load<i32>(sums + ((<usize>g) << 2));
    }
  }
  return sumLanes(total) + rest;
}
