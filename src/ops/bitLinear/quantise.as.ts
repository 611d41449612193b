// The two quantisers of BitLinear: normalised activations to int8, weights to packed ternary.

import { floatAt, largestMagnitude, loadLanes, magnitude4, nearestSmall4, shareStart, sumLanes } from "../../kernels/cpu/math.as";
import { nativeRowKernel, RowKernel } from "../../kernels/cpu/native.as";
import { inverseRms } from "../rmsNorm/kernel.as";

@unmanaged
export class QuantiseActivations {
  x: usize; // [rows, width]
  gamma: usize; // [width]
  q: usize; // [rows, stride] i8; columns past `width` become 0
  step: usize; // [rows]: 1 / s, the value of one unit of q
  sum: usize; // [rows] i32: Σ q
  rows: i32;
  width: i32;
  stride: i32;
  epsilon: f32;
}

export function quantiseActivations(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.quantiseActivations, args, thread, threads)) return;
  const p = changetype<QuantiseActivations>(args);
  const end = shareStart(p.rows, 1, thread + 1, threads);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const at = (<usize>row) << 2;
    const q = p.q + <usize>row * <usize>p.stride;
    quantiseRow(floatAt(p.x, row, p.width), p.gamma, p.width, p.stride, p.epsilon, q, p.step + at, p.sum + at);
  }
}

/**
 * y = x·r·γ, s = 127 / max(max|y|, 1e-5), q = round(y·s). Step and Σ q go to `step` and `sum`. The step of a row with NaN
 * is NaN, and with it all products of the row.
 */
export function quantiseRow(x: usize, gamma: usize, width: i32, stride: i32, epsilon: f32, q: usize, step: usize, sum: usize): void {
  const r = f32x4.splat(inverseRms(x, width, epsilon));
  const most = maxMagnitude(x, gamma, r, width);
  const largest: f32 = most < 1e-5 ? 1e-5 : most;
  store<f32>(step, largest / 127);
  if (largest != largest) {
    memory.fill(q, 0, stride);
    store<i32>(sum, 0);
    return;
  }
  const s = f32x4.splat(127 / largest);
  const whole = width & ~15;
  let total = i32x4.splat(0);
  for (let i = 0; i < whole; i += 16) {
    const a = rounded(normalAt(x, gamma, r, i), s);
    const b = rounded(normalAt(x, gamma, r, i + 4), s);
    const c = rounded(normalAt(x, gamma, r, i + 8), s);
    const d = rounded(normalAt(x, gamma, r, i + 12), s);
    v128.store(q + <usize>i, narrow(a, b, c, d));
    total = i32x4.add(total, i32x4.add(i32x4.add(a, b), i32x4.add(c, d)));
  }
  for (let i = whole; i < stride; i += 4) {
    const wide = rounded(i < width ? normal(x, gamma, r, i, width) : f32x4.splat(0), s);
    v128.store32_lane(q + <usize>i, narrow(wide, wide, wide, wide), 0);
    total = i32x4.add(total, wide);
  }
  const sums = i32x4.extract_lane(total, 0) + i32x4.extract_lane(total, 1);
  store<i32>(sum, sums + i32x4.extract_lane(total, 2) + i32x4.extract_lane(total, 3));
}

/** max|x·r·γ| */
// @ts-ignore: decorator
@inline
function maxMagnitude(x: usize, gamma: usize, r: v128, width: i32): f32 {
  const whole = width & ~15;
  let top = i32x4.splat(0);
  let topB = i32x4.splat(0);
  for (let i = 0; i < whole; i += 8) {
    top = i32x4.max_s(top, magnitude4(normalAt(x, gamma, r, i)));
    topB = i32x4.max_s(topB, magnitude4(normalAt(x, gamma, r, i + 4)));
  }
  for (let i = whole; i < width; i += 4) top = i32x4.max_s(top, magnitude4(normal(x, gamma, r, i, width)));
  return largestMagnitude(i32x4.max_s(top, topB));
}

// @ts-ignore: decorator
@inline
function rounded(y: v128, s: v128): v128 {
  return nearestSmall4(f32x4.mul(y, s));
}

// @ts-ignore: decorator
@inline
function narrow(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

// @ts-ignore: decorator
@inline
function normalAt(x: usize, gamma: usize, r: v128, i: i32): v128 {
  const at = (<usize>i) << 2;
  return f32x4.mul(f32x4.mul(v128.load(x + at), r), v128.load(gamma + at));
}

/** The same where the row may end within the vector. */
// @ts-ignore: decorator
@inline
function normal(x: usize, gamma: usize, r: v128, i: i32, width: i32): v128 {
  return f32x4.mul(f32x4.mul(loadLanes(x, i, width), r), loadLanes(gamma, i, width));
}

@unmanaged
class WeightScale {
  w: usize; // [size]
  sums: usize; // [parts]: Σ|w| of each part
  size: i32;
  parts: i32;
}

/** The sum is taken in a fixed number of parts, so that it is the same for any number of threads. */
export function weightScaleParts(args: usize, thread: i32, threads: i32): void {
  const p = changetype<WeightScale>(args);
  const last = shareStart(p.parts, 1, thread + 1, threads);
  for (let part = shareStart(p.parts, 1, thread, threads); part < last; part++) {
    let sum = f32x4.splat(0);
    const end = shareStart(p.size, 16, part + 1, p.parts);
    for (let i = shareStart(p.size, 16, part, p.parts); i < end; i += 4) {
      sum = f32x4.add(sum, f32x4.abs(loadLanes(p.w, i, end)));
    }
    store<f32>(p.sums + ((<usize>part) << 2), sumLanes(sum));
  }
}

@unmanaged
class PackWeights {
  w: usize; // [out, width]
  sums: usize; // [parts]
  codes: usize; // packed ternary [ceil(out/4), width]
  scale: usize; // [1]: t = max(mean|w|, 1e-5)
  out: i32;
  width: i32;
  parts: i32;
}

export function packWeights(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.packWeights, args, thread, threads)) return;
  const p = changetype<PackWeights>(args);
  let total: f64 = 0;
  for (let part = 0; part < p.parts; part++) total += <f64>load<f32>(p.sums + ((<usize>part) << 2));
  const scale = <f32>Math.max(total / (<f64>p.out * <f64>p.width), 1e-5);
  if (thread == 0) store<f32>(p.scale, scale);
  const rows = (p.out + 3) >> 2;
  const end = shareStart(rows, 1, thread + 1, threads);
  for (let row = shareStart(rows, 1, thread, threads); row < end; row++) {
    const codes = p.codes + <usize>row * <usize>p.width;
    for (let i = 0; i < p.width; i += 4) {
      let packed = i32x4.splat(0);
      for (let plane = 3; plane >= 0; plane--) {
        const outRow = row + plane * rows;
        const code = outRow < p.out ? ternaryCode(loadLanes(floatAt(p.w, outRow, p.width), i, p.width), scale) : i32x4.splat(1);
        packed = v128.or(i32x4.shl(packed, 2), code);
      }
      storeBytes(codes + <usize>i, packed, p.width - i);
    }
  }
}

/** clamp(round(w / t), −1, 1) + 1 */
// @ts-ignore: decorator
@inline
function ternaryCode(w: v128, scale: f32): v128 {
  const rounded = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.div(w, f32x4.splat(scale))));
  return i32x4.add(i32x4.max_s(i32x4.min_s(rounded, i32x4.splat(1)), i32x4.splat(-1)), i32x4.splat(1));
}

// @ts-ignore: decorator
@inline
function storeBytes(to: usize, words: v128, count: i32): void {
  const half = i16x8.narrow_i32x4_u(words, words);
  const bytes = i8x16.narrow_i16x8_u(half, half);
  if (count >= 4) {
    v128.store32_lane(to, bytes, 0);
    return;
  }
  const word = i32x4.extract_lane(bytes, 0);
  for (let i = 0; i < count; i++) store<u8>(to + <usize>i, <u8>(word >> (i << 3)));
}
