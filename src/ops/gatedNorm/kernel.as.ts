import {
  floatAt,
  loadLanes,
  shareStart,
  sigmoid4,
  silu4,
  siluSlope4,
  storeLanes,
} from "../../kernels/cpu/math.as";
import { nativeRowKernel, RowKernel } from "../../kernels/cpu/native.as";
import { inverseRms } from "../rmsNorm/kernel.as";

@unmanaged
class GatedNorm {
  x: usize; // [rows, width]
  h: usize; // [rows, width]
  gamma: usize; // [width]
  y: usize; // [rows, width]; may be the memory of `x`
  rows: i32;
  width: i32;
  epsilon: f32;
}

/** x·r·γ · SiLU(h) */
// @ts-ignore: decorator
@inline
function gated(x: v128, r: v128, gamma: v128, h: v128): v128 {
  return f32x4.mul(f32x4.mul(f32x4.mul(x, r), gamma), silu4(h));
}

export function gatedNormForward(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.gatedNormForward, args, thread, threads)) return;
  const p = changetype<GatedNorm>(args);
  const width = p.width;
  const end = shareStart(p.rows, 1, thread + 1, threads);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const x = floatAt(p.x, row, width);
    const h = floatAt(p.h, row, width);
    const y = floatAt(p.y, row, width);
    const r = f32x4.splat(inverseRms(x, width, p.epsilon));
    let i = 0;
    for (; i <= width - 8; i += 8) {
      const at = (<usize>i) << 2;
      const low = gated(v128.load(x + at), r, v128.load(p.gamma + at), v128.load(h + at));
      const high = gated(v128.load(x + at, 16), r, v128.load(p.gamma + at, 16), v128.load(h + at, 16));
      v128.store(y + at, low);
      v128.store(y + at, high, 16);
    }
    for (; i < width; i += 4) {
      const own = gated(loadLanes(x, i, width), r, loadLanes(p.gamma, i, width), loadLanes(h, i, width));
      storeLanes(y, i, width, own);
    }
  }
}

@unmanaged
class GatedNormBackward {
  x: usize; // [rows, width]
  h: usize; // [rows, width]
  gamma: usize; // [width]
  dy: usize; // [rows, width]
  dh: usize; // [rows, width]; may be the memory of `h`
  dNormal: usize; // [rows, width]: the gradient of the norm's output
  rows: i32;
  width: i32;
  epsilon: f32;
}

export function gatedNormBackward(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.gatedNormBackward, args, thread, threads)) return;
  const p = changetype<GatedNormBackward>(args);
  const width = p.width;
  const end = shareStart(p.rows, 1, thread + 1, threads);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const x = floatAt(p.x, row, width);
    const h = floatAt(p.h, row, width);
    const dy = floatAt(p.dy, row, width);
    const dh = floatAt(p.dh, row, width);
    const dNormal = floatAt(p.dNormal, row, width);
    const r = f32x4.splat(inverseRms(x, width, p.epsilon));
    for (let i = 0; i < width; i += 4) {
      const normal = f32x4.mul(f32x4.mul(loadLanes(x, i, width), r), loadLanes(p.gamma, i, width));
      const state = loadLanes(h, i, width);
      const s = sigmoid4(state);
      const d = loadLanes(dy, i, width);
      storeLanes(dNormal, i, width, f32x4.mul(d, f32x4.mul(state, s)));
      storeLanes(dh, i, width, f32x4.mul(f32x4.mul(d, normal), siluSlope4(state, s)));
    }
  }
}
