import {
  loadLanes,
  shareStart,
  sigmoid4,
  silu4,
  siluSlope4,
  storeLanes,
} from "../../kernels/cpu/math.as";
import { nativeRowKernel, RowKernel } from "../../kernels/cpu/native.as";

/** Activations, as gatedUnit.ts numbers them. */
const SILU: i32 = 0;

@unmanaged
class GatedUnit {
  g: usize; // [size]
  u: usize; // [size]
  y: usize; // [size]; may be the memory of `g`
  size: i32;
  activation: i32;
}

export function gatedUnitForward(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.gatedUnitForward, args, thread, threads)) return;
  const p = changetype<GatedUnit>(args);
  const end = shareStart(p.size, 16, thread + 1, threads);
  for (let i = shareStart(p.size, 16, thread, threads); i < end; i += 4) {
    const g = loadLanes(p.g, i, end);
    const active = p.activation == SILU ? silu4(g) : squareOfPositive(g);
    storeLanes(p.y, i, end, f32x4.mul(active, loadLanes(p.u, i, end)));
  }
}

@unmanaged
class GatedUnitBackward {
  g: usize; // [size]
  u: usize; // [size]
  dy: usize; // [size]
  dg: usize; // [size]; may be the memory of `g`
  du: usize; // [size]; may be the memory of `u`
  size: i32;
  activation: i32;
}

export function gatedUnitBackward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<GatedUnitBackward>(args);
  const end = shareStart(p.size, 16, thread + 1, threads);
  for (let i = shareStart(p.size, 16, thread, threads); i < end; i += 4) {
    const g = loadLanes(p.g, i, end);
    const u = loadLanes(p.u, i, end);
    const d = loadLanes(p.dy, i, end);
    let active: v128;
    let slope: v128;
    if (p.activation == SILU) {
      const s = sigmoid4(g);
      active = f32x4.mul(g, s);
      slope = siluSlope4(g, s);
    } else {
      const positive = f32x4.max(g, f32x4.splat(0));
      active = f32x4.mul(positive, positive);
      slope = f32x4.add(positive, positive);
    }
    storeLanes(p.dg, i, end, f32x4.mul(f32x4.mul(d, u), slope));
    storeLanes(p.du, i, end, f32x4.mul(d, active));
  }
}

// @ts-ignore: decorator
@inline
function squareOfPositive(x: v128): v128 {
  const positive = f32x4.max(x, f32x4.splat(0));
  return f32x4.mul(positive, positive);
}
