import { Optional } from "../../kernels/cpu/optional.as";
import { exp4, floatAt, loadLanes, shareStart, storeLanes } from "../../kernels/cpu/math.as";

/** p [layers, width]: softmax over layers of four columns from `i` on. */
function softmaxColumns(raw: usize, p: usize, layers: i32, width: i32, i: i32): void {
  let max = loadLanes(raw, i, width);
  for (let l = 1; l < layers; l++) max = f32x4.max(max, loadLanes(floatAt(raw, l, width), i, width));
  let sum = f32x4.splat(0);
  for (let l = 0; l < layers; l++) {
    const e = exp4(f32x4.sub(loadLanes(floatAt(raw, l, width), i, width), max));
    sum = f32x4.add(sum, e);
    storeLanes(floatAt(p, l, width), i, width, e);
  }
  for (let l = 0; l < layers; l++) {
    const row = floatAt(p, l, width);
    storeLanes(row, i, width, f32x4.div(loadLanes(row, i, width), sum));
  }
}

@unmanaged
class LowerBounds {
  raw: usize; // [layers, width]
  bounds: usize; // [layers, width]
  layers: i32;
  width: i32;
}

export function lowerBoundsForward(args: usize, thread: i32, threads: i32): void {
  const a = changetype<LowerBounds>(args);
  const end = shareStart(a.width, 4, thread + 1, threads);
  for (let i = shareStart(a.width, 4, thread, threads); i < end; i += 4) {
    softmaxColumns(a.raw, a.bounds, a.layers, a.width, i);
    let sum = f32x4.splat(0);
    for (let l = 0; l < a.layers; l++) {
      const row = floatAt(a.bounds, l, a.width);
      if (l > 0) sum = f32x4.add(sum, loadLanes(row, i, a.width));
      storeLanes(row, i, a.width, sum);
    }
  }
}

@unmanaged
class LowerBoundsBackward {
  raw: usize; // [layers, width]
  dBounds: usize; // [layers, width]
  before: Optional; // [layers, width] or 0
  dRaw: usize; // [layers, width]
  p: usize; // scratch [layers, width]
  layers: i32;
  width: i32;
}

/** dp_k = Σ_{l≥k} dbound_l (k ≥ 1), dp_0 = 0; draw = p ⊙ (dp − Σ p·dp). */
export function lowerBoundsBackward(args: usize, thread: i32, threads: i32): void {
  const a = changetype<LowerBoundsBackward>(args);
  const end = shareStart(a.width, 4, thread + 1, threads);
  for (let i = shareStart(a.width, 4, thread, threads); i < end; i += 4) {
    softmaxColumns(a.raw, a.p, a.layers, a.width, i);
    let dp = f32x4.splat(0);
    let mean = f32x4.splat(0);
    for (let l = a.layers - 1; l > 0; l--) {
      dp = f32x4.add(dp, loadLanes(floatAt(a.dBounds, l, a.width), i, a.width));
      mean = f32x4.add(mean, f32x4.mul(dp, loadLanes(floatAt(a.p, l, a.width), i, a.width)));
    }
    dp = f32x4.splat(0);
    for (let l = a.layers - 1; l >= 0; l--) {
      if (l > 0) dp = f32x4.add(dp, loadLanes(floatAt(a.dBounds, l, a.width), i, a.width));
      else dp = f32x4.splat(0);
      let d = f32x4.mul(loadLanes(floatAt(a.p, l, a.width), i, a.width), f32x4.sub(dp, mean));
      if (a.before) d = f32x4.add(d, loadLanes(floatAt(a.before, l, a.width), i, a.width));
      storeLanes(floatAt(a.dRaw, l, a.width), i, a.width, d);
    }
  }
}
