// Rows of a table of grouped codes, laid out as groupedLinear/packed.ts says.

import { floatAt, shareStart } from "../../kernels/cpu/math.as";
import { Optional } from "../../kernels/cpu/optional.as";
import { heightOf } from "../groupedLinear/product.as";
import { oneScale } from "../groupedLinear/tile.as";

@unmanaged
class GroupedEmbedding {
  ids: usize; // [tokens] i32
  codes: usize; // [out, width]
  scales: usize; // [out, width / group]
  offsets: Optional; // [out, width / group], of int8 codes and those of four bits
  y: usize; // [tokens, width]
  width: i32;
  group: i32;
  out: i32;
  type: i32; // of codes: 0 ternary, 1 binary, 2 int8, 3 four bits
  halves: i32; // 1: scales are f16, 0: f32
  tokens: i32;
}

/** Threads share tokens. */
export function groupedEmbedding(args: usize, thread: i32, threads: i32): void {
  const p = changetype<GroupedEmbedding>(args);
  const end = shareStart(p.tokens, 1, thread + 1, threads);
  for (let t = shareStart(p.tokens, 1, thread, threads); t < end; t++) {
    tableRow(p, load<i32>(p.ids + ((<usize>t) << 2)), floatAt(p.y, t, p.width));
  }
}

function tableRow(p: GroupedEmbedding, id: i32, y: usize): void {
  const height = heightOf(p.type);
  const planes = p.type == 0 ? 4 : p.type == 1 ? 8 : 1;
  const first = id - (id % height);
  const rows = min(height, p.out - first);
  const lanes = (rows + planes - 1) / planes;
  const shift = ((id - first) / lanes) * (8 / planes);
  const codes = p.codes + <usize>(first / planes) * <usize>p.width + ((<usize>((id - first) % lanes)) << 2);
  const halves = p.codes + ((<usize>id * <usize>p.width) >> 1);
  const groups = p.width / p.group;
  for (let g = 0; g < groups; g++) {
    const scale = oneScale(p.scales, first * groups + g * rows + (id - first), p.halves);
    const offset: f32 = p.offsets ? load<f32>(p.offsets + ((<usize>(id * groups + g)) << 2)) : 0;
    for (let c = g * p.group; c < (g + 1) * p.group; c++) {
      const byte = codes + <usize>(c & ~3) * <usize>lanes + <usize>(c & 3);
      let value: i32;
      if (p.type == 3) value = halfOf(halves, c);
      else if (p.type == 2) value = <i32>load<i8>(byte);
      else value = codeOf(load<u8>(byte) >> <u8>shift, planes);
      store<f32>(y + ((<usize>c) << 2), <f32>value * scale + offset);
    }
  }
}

/** Code c of a row of four bits each: byte k of 16 holds columns k and k + 16. */
// @ts-ignore: decorator
@inline
function halfOf(codes: usize, c: i32): i32 {
  return (<i32>load<u8>(codes + <usize>(((c & ~31) >> 1) + (c & 15))) >> ((c & 16) >> 2)) & 15;
}

/** Of the lowest bits: two that hold value + 1, or one that is set for +1. */
// @ts-ignore: decorator
@inline
function codeOf(bits: i32, planes: i32): i32 {
  return planes == 4 ? (bits & 3) - 1 : 2 * (bits & 1) - 1;
}
