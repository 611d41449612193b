import {
  floatAt,
  loadLanes,
  planeStart,
  shareStart,
  sigmoid4,
  silu4,
  siluSlope4,
  storeLanes,
} from "../../kernels/cpu/math.as";
import { nativeRowKernel, RowKernel } from "../../kernels/cpu/native.as";

@unmanaged
class Swiglu {
  x: usize; // [rows, 2·width]
  y: usize; // [rows, width]
  rows: i32;
  width: i32;
  planes: i32; // of a row of y, of which threads take shares
}

/** Threads share rows; columns, if there are fewer rows than pieces. */
export function swigluForward(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.swigluForward, args, thread, threads)) return;
  const p = changetype<Swiglu>(args);
  if (p.planes == 1 && p.rows >= threads) {
    const end = shareStart(p.rows, 1, thread + 1, threads);
    for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) gateColumns(p, row, 0, p.width);
    return;
  }
  for (let plane = 0; plane < p.planes; plane++) {
    const start = planeStart(p.width, p.planes, plane, thread, threads);
    const end = planeStart(p.width, p.planes, plane, thread + 1, threads);
    for (let row = 0; row < p.rows; row++) gateColumns(p, row, start, end);
  }
}

/** SiLU(g)·u */
// @ts-ignore: decorator
@inline
function gated(g: v128, u: v128): v128 {
  return f32x4.mul(silu4(g), u);
}

function gateColumns(p: Swiglu, row: i32, start: i32, end: i32): void {
  const g = floatAt(p.x, row * 2, p.width);
  const u = g + ((<usize>p.width) << 2);
  const y = floatAt(p.y, row, p.width);
  let i = start;
  for (; i <= end - 8; i += 8) {
    const at = (<usize>i) << 2;
    const low = gated(v128.load(g + at), v128.load(u + at));
    const high = gated(v128.load(g + at, 16), v128.load(u + at, 16));
    v128.store(y + at, low);
    v128.store(y + at, high, 16);
  }
  for (; i < end; i += 4) storeLanes(y, i, end, gated(loadLanes(g, i, end), loadLanes(u, i, end)));
}

@unmanaged
class SwigluBackward {
  x: usize; // [rows, 2·width]
  dy: usize; // [rows, width]
  dx: usize; // [rows, 2·width]; may be the memory of `x`
  rows: i32;
  width: i32;
}

/** Shares as in `swigluForward`. */
export function swigluBackward(args: usize, thread: i32, threads: i32): void {
  if (nativeRowKernel(RowKernel.swigluBackward, args, thread, threads)) return;
  const p = changetype<SwigluBackward>(args);
  if (p.rows >= threads) {
    const end = shareStart(p.rows, 1, thread + 1, threads);
    for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) gradients(p, row, 0, p.width);
    return;
  }
  const start = shareStart(p.width, 16, thread, threads);
  const end = shareStart(p.width, 16, thread + 1, threads);
  for (let row = 0; row < p.rows; row++) gradients(p, row, start, end);
}

// @ts-ignore: decorator
@inline
function gradients(p: SwigluBackward, row: i32, start: i32, end: i32): void {
  const half = (<usize>p.width) << 2;
  const x = floatAt(p.x, row * 2, p.width);
  const dx = floatAt(p.dx, row * 2, p.width);
  const dy = floatAt(p.dy, row, p.width);
  for (let i = start; i < end; i += 4) {
    const g = loadLanes(x, i, end);
    const u = loadLanes(x + half, i, end);
    const d = loadLanes(dy, i, end);
    const s = sigmoid4(g);
    storeLanes(dx, i, end, f32x4.mul(f32x4.mul(d, u), siluSlope4(g, s)));
    storeLanes(dx + half, i, end, f32x4.mul(d, f32x4.mul(g, s)));
  }
}
