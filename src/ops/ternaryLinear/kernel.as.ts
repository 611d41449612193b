// Activations to int8 without a norm. The products are those of BitLinear.

import { floatAt, loadLanes, maxLanes, shareStart } from "../../kernels/cpu/math.as";
import { multiply } from "../bitLinear/product.as";
import { isNewRow, rowProduct } from "../bitLinear/row.as";

@unmanaged
class QuantiseRows {
  x: usize; // [rows, width]
  q: usize; // [rows, stride] i8; columns past `width` become 0
  step: usize; // [rows]: 1 / s, the value of one unit of q
  sum: usize; // [rows] i32: Σ q
  rows: i32;
  width: i32;
  stride: i32;
}

export function quantiseRows(args: usize, thread: i32, threads: i32): void {
  const p = changetype<QuantiseRows>(args);
  const end = shareStart(p.rows, 1, thread + 1, threads);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const at = (<usize>row) << 2;
    const q = p.q + <usize>row * <usize>p.stride;
    quantisePlainRow(floatAt(p.x, row, p.width), p.width, p.stride, q, p.step + at, p.sum + at);
  }
}

/** s = 127 / max(max|x|, 1e-5), q = clamp(round(x·s), −128, 127) */
function quantisePlainRow(x: usize, width: i32, stride: i32, q: usize, step: usize, sum: usize): void {
  let top = f32x4.splat(0);
  for (let i = 0; i < width; i += 4) top = f32x4.max(top, f32x4.abs(loadLanes(x, i, width)));
  const largest = Mathf.max(maxLanes(top), 1e-5);
  const s = f32x4.splat(127 / largest);
  let total = i32x4.splat(0);
  for (let i = 0; i < stride; i += 4) {
    const value = i < width ? loadLanes(x, i, width) : f32x4.splat(0);
    const wide = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(value, s)));
    // Narrowing saturates, which is the clamp.
    const half = i16x8.narrow_i32x4_s(wide, wide);
    v128.store32_lane(q + <usize>i, i8x16.narrow_i16x8_s(half, half), 0);
    total = i32x4.add(total, wide);
  }
  store<f32>(step, largest / 127);
  const sums = i32x4.extract_lane(total, 0) + i32x4.extract_lane(total, 1);
  store<i32>(sum, sums + i32x4.extract_lane(total, 2) + i32x4.extract_lane(total, 3));
}

@unmanaged
class TernaryLinearRow {
  x: usize; // [width]
  codes: usize; // packed ternary [ceil(out/4), width]
  scale: usize; // [1]
  y: usize; // [out]
  width: i32;
  stride: i32;
  out: i32;
}

/** Multiplies a single row; every thread converts it to int8 by itself: see BitLinear's row.as.ts. */
export function ternaryLinearRow(args: usize, thread: i32, threads: i32): void {
  const p = changetype<TernaryLinearRow>(args);
  const product = rowProduct(args, p.codes, p.scale, p.y, p.width, p.stride, p.out);
  if (isNewRow()) quantisePlainRow(p.x, p.width, p.stride, product.q, product.step, product.sum);
  multiply(product, thread, threads);
}
