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
  if (nativeRowKernel(RowKernel.rmsNormForward, args, thread, threads)) return;
  const p = changetype<RmsNorm>(args);
  const end = shareStart(p.rows, 1, thread + 1, threads);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const x = floatAt(p.x, row, p.width);
    const y = floatAt(p.y, row, p.width);
    const r = f32x4.splat(inverseRms(x, p.width, p.epsilon));
    let i = 0;
    for (; i <= p.width - 8; i += 8) {
      const at = (<usize>i) << 2;
      const low = f32x4.mul(f32x4.mul(v128.load(x + at), r), v128.load(p.gamma + at));
      const high = f32x4.mul(f32x4.mul(v128.load(x + at, 16), r), v128.load(p.gamma + at, 16));
      v128.store(y + at, low);
      v128.store(y + at, high, 16);
    }
    for (; i < p.width; i += 4) {
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
  sums: usize; // [parts, width]: Σ dy·x·r over the rows of a part, for rmsNormBackwardGamma
  rows: i32;
  width: i32;
  parts: i32;
  epsilon: f32;
}

/** Threads share parts, whose number does not depend on theirs. */
export function rmsNormBackwardX(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.rmsNormBackwardX, args, thread, threads)) return;
  const p = changetype<RmsNormBackwardX>(args);
  const last = shareStart(p.parts, 1, thread + 1, threads);
  for (let part = shareStart(p.parts, 1, thread, threads); part < last; part++) {
    const sums = floatAt(p.sums, part, p.width);
    memory.fill(sums, 0, (<usize>p.width) << 2);
    const end = shareStart(p.rows, 1, part + 1, p.parts);
    for (let row = shareStart(p.rows, 1, part, p.parts); row < end; row++) gradients(p, row, sums);
  }
}

/** dx of a row, and what it adds to the sums of its part. */
function gradients(p: RmsNormBackwardX, row: i32, sums: usize): void {
  const width = p.width;
  const x = floatAt(p.x, row, width);
  const dy = floatAt(p.dy, row, width);
  const r = inverseRms(x, width, p.epsilon);
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
    const d = loadLanes(dy, i, width);
    const own = loadLanes(x, i, width);
    storeLanes(sums, i, width, multiplyAdd(d, f32x4.mul(own, scale), loadLanes(sums, i, width)));
    const e = f32x4.mul(d, loadLanes(p.gamma, i, width));
    let result = f32x4.sub(f32x4.mul(e, scale), f32x4.mul(own, slope));
    if (p.before) result = f32x4.add(result, loadLanes(before, i, width));
    storeLanes(dx, i, width, result);
  }
}

@unmanaged
class RmsNormBackwardGamma {
  sums: usize; // [parts, width]
  before: Optional; // [width] or 0
  dgamma: usize; // [width]
  width: i32;
  parts: i32;
}

/** Threads share columns: each column is summed by one thread, in the order of the parts. */
export function rmsNormBackwardGamma(args: usize, thread: i32, threads: i32): void {
  const p = changetype<RmsNormBackwardGamma>(args);
  const end = shareStart(p.width, 16, thread + 1, threads);
  for (let i = shareStart(p.width, 16, thread, threads); i < end; i += 4) {
    let sum = p.before ? loadLanes(p.before, i, end) : f32x4.splat(0);
    for (let part = 0; part < p.parts; part++) sum = f32x4.add(sum, loadLanes(floatAt(p.sums, part, p.width), i, end));
    storeLanes(p.dgamma, i, end, sum);
  }
}
