import { Optional } from "../../kernels/cpu/optional.as";
import { loadLanes, multiplyAdd, shareStart, storeLanes, sumLanes } from "../../kernels/cpu/math.as";

@unmanaged
class Adamw {
  w: usize; // [size]
  m: usize; // [size]
  v: usize; // [size]
  g: usize; // [size]
  settings: usize; // [8]: see settingsVector
  clip: usize; // [2]: norm, coefficient
  nextW: usize; // [size]; may be the memory of `w`, and so for m and v
  nextM: usize;
  nextV: usize;
  size: i32;
  decay: f32;
}

export function adamw(args: usize, thread: i32, threads: i32): void {
  const p = changetype<Adamw>(args);
  const rate = load<f32>(p.settings);
  const b1 = load<f32>(p.settings, 4);
  const b2 = load<f32>(p.settings, 8);
  const beta1 = f32x4.splat(b1);
  const beta2 = f32x4.splat(b2);
  const rest1 = f32x4.splat(1 - b1);
  const rest2 = f32x4.splat(1 - b2);
  const epsilon = f32x4.splat(load<f32>(p.settings, 12));
  const stepSize = f32x4.splat(rate / load<f32>(p.settings, 16));
  const rootCorrection = f32x4.splat(sqrt<f32>(load<f32>(p.settings, 20)));
  const clip = f32x4.splat(load<f32>(p.clip, 4));
  const keep = f32x4.splat(1 - rate * p.decay);
  const end = shareStart(p.size, 16, thread + 1, threads);
  for (let i = shareStart(p.size, 16, thread, threads); i < end; i += 4) {
    const g = f32x4.mul(loadLanes(p.g, i, end), clip);
    const m = multiplyAdd(beta1, loadLanes(p.m, i, end), f32x4.mul(rest1, g));
    const v = multiplyAdd(beta2, loadLanes(p.v, i, end), f32x4.mul(rest2, f32x4.mul(g, g)));
    const root = f32x4.add(f32x4.div(f32x4.sqrt(v), rootCorrection), epsilon);
    const w = f32x4.mul(loadLanes(p.w, i, end), keep);
    storeLanes(p.nextW, i, end, f32x4.sub(w, f32x4.div(f32x4.mul(stepSize, m), root)));
    storeLanes(p.nextM, i, end, m);
    storeLanes(p.nextV, i, end, v);
  }
}

@unmanaged
class SumOfSquaresParts {
  x: usize; // [size]
  sums: usize; // [parts]
  size: i32;
  parts: i32;
}

export function sumOfSquaresParts(args: usize, thread: i32, threads: i32): void {
  const p = changetype<SumOfSquaresParts>(args);
  const last = shareStart(p.parts, 1, thread + 1, threads);
  for (let part = shareStart(p.parts, 1, thread, threads); part < last; part++) {
    let sum = f32x4.splat(0);
    const end = shareStart(p.size, 16, part + 1, p.parts);
    for (let i = shareStart(p.size, 16, part, p.parts); i < end; i += 4) {
      const x = loadLanes(p.x, i, end);
      sum = multiplyAdd(x, x, sum);
    }
    store<f32>(p.sums + ((<usize>part) << 2), sumLanes(sum));
  }
}

@unmanaged
class SumOfSquaresTotal {
  sums: usize; // [parts]
  before: Optional; // [1] or 0
  total: usize; // [1]
  parts: i32;
}

export function sumOfSquaresTotal(args: usize, thread: i32, threads: i32): void {
  if (thread > 0) return;
  const p = changetype<SumOfSquaresTotal>(args);
  let sum: f64 = p.before ? <f64>load<f32>(p.before) : 0;
  for (let part = 0; part < p.parts; part++) sum += <f64>load<f32>(p.sums + ((<usize>part) << 2));
  store<f32>(p.total, <f32>sum);
}

@unmanaged
class ClipCoefficient {
  squares: usize; // [1]
  settings: usize; // [8]
  clip: usize; // [2]
}

export function clipCoefficient(args: usize, thread: i32, threads: i32): void {
  if (thread > 0) return;
  const p = changetype<ClipCoefficient>(args);
  const norm = sqrt<f32>(load<f32>(p.squares));
  store<f32>(p.clip, norm);
  // Written so that a NaN norm gives a NaN coefficient: a broken step must not look like a step.
  const ratio = load<f32>(p.settings, 24) / (norm + 1e-6);
  store<f32>(p.clip, ratio > 1 ? 1 : ratio, 4);
}
