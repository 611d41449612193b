import { Optional } from "../../kernels/cpu/optional.as";
import { floatAt, loadLanes, multiplyAdd, shareStart, storeLanes, sumLanes } from "../../kernels/cpu/math.as";
import { nativeRowKernel, RowKernel } from "../../kernels/cpu/native.as";

/** rsqrt(mean(x²) + ε) of one row. */
export function inverseRms(x: usize, width: i32, epsilon: f32): f32 {
  let sum0 = f32x4.splat(0);
  let sum1 = f32x4.splat(0);
  let i = 0;
  for (; i + 8 <= width; i += 8) {
    const at = x + ((<usize>i) << 2);
    const a = v128.load(at);
    const b = v128.load(at, 16);
    sum0 = multiplyAdd(a, a, sum0);
    sum1 = multiplyAdd(b, b, sum1);
  }
  for (; i < width; i += 4) {
    const a = loadLanes(x, i, width);
    sum0 = multiplyAdd(a, a, sum0);
  }
  return 1 / sqrt<f32>(sumLanes(f32x4.add(sum0, sum1)) / <f32>width + epsilon);
}

@unmanaged
class RmsNorm {
  x: usize; // [rows, width]
  gamma: usize; // [width]
  y: usize; // [rows, width]
  rows: i32;
  width: i32;
  epsilon: f32;
}

export function rmsNormForward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<RmsNorm>(args);
  const end = shareStart(p.rows, 1, thread + 1, threads);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const x = floatAt(p.x, row, p.width);
    const y = floatAt(p.y, row, p.width);
    const r = f32x4.splat(inverseRms(x, p.width, p.epsilon));
    for (let i = 0; i < p.width; i += 4) {
      const normal = f32x4.mul(loadLanes(x, i, p.width), r);
      storeLanes(y, i, p.width, f32x4.mul(normal, loadLanes(p.gamma, i, p.width)));
    }
  }
}

@unmanaged
class RmsNormBackwardX {
  x: usize; // [rows, width]
  gamma: usize; // [width]
  dy: usize; // [rows, width]
  before: Optional; // [rows, width] or 0: the tensor that dx is added to
  dx: usize; // [rows, width]
  r: usize; // [rows]: the inverse rms, for rmsNormBackwardGamma
  rows: i32;
  width: i32;
  epsilon: f32;
}

export function rmsNormBackwardX(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.rmsNormBackwardX, args, thread, threads)) return;
  const p = changetype<RmsNormBackwardX>(args);
  const end = shareStart(p.rows, 1, thread + 1, threads);
  const width = p.width;
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const x = floatAt(p.x, row, width);
    const dy = floatAt(p.dy, row, width);
    const r = inverseRms(x, width, p.epsilon);
    store<f32>(p.r + ((<usize>row) << 2), r);

    let sum = f32x4.splat(0);
    for (let i = 0; i < width; i += 4) {
      const e = f32x4.mul(loadLanes(dy, i, width), loadLanes(p.gamma, i, width));
      sum = multiplyAdd(e, loadLanes(x, i, width), sum);
    }
    // dx = r·e − x·(r³·Σ(e·x)/width)
    const slope = f32x4.splat((sumLanes(sum) / <f32>width) * r * r * r);
    const scale = f32x4.splat(r);
    const dx = floatAt(p.dx, row, width);
    const before = floatAt(p.before, row, width);
    for (let i = 0; i < width; i += 4) {
      const e = f32x4.mul(loadLanes(dy, i, width), loadLanes(p.gamma, i, width));
      let d = f32x4.sub(f32x4.mul(e, scale), f32x4.mul(loadLanes(x, i, width), slope));
      if (p.before) d = f32x4.add(d, loadLanes(before, i, width));
      storeLanes(dx, i, width, d);
    }
  }
}

@unmanaged
class RmsNormBackwardGamma {
  x: usize; // [rows, width]
  dy: usize; // [rows, width]
  r: usize; // [rows]
  before: Optional; // [width] or 0
  dgamma: usize; // [width]
  rows: i32;
  width: i32;
}

/** Threads share columns: each column is summed by one thread, in the order of the rows. */
export function rmsNormBackwardGamma(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.rmsNormBackwardGamma, args, thread, threads)) return;
  const p = changetype<RmsNormBackwardGamma>(args);
  const start = shareStart(p.width, 16, thread, threads);
  const end = shareStart(p.width, 16, thread + 1, threads);
  for (let i = start; i < end; i += 4) {
    storeLanes(p.dgamma, i, end, p.before ? loadLanes(p.before, i, end) : f32x4.splat(0));
  }
  for (let row = 0; row < p.rows; row++) {
    const x = floatAt(p.x, row, p.width);
    const dy = floatAt(p.dy, row, p.width);
    const r = f32x4.splat(load<f32>(p.r + ((<usize>row) << 2)));
    for (let i = start; i < end; i += 4) {
      const n = f32x4.mul(loadLanes(x, i, end), r);
      storeLanes(p.dgamma, i, end, multiplyAdd(loadLanes(dy, i, end), n, loadLanes(p.dgamma, i, end)));
    }
  }
}
