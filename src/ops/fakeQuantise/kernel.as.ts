import { floatAt, loadLanes, maxLanes, shareStart, storeLanes, sumLanes } from "../../kernels/cpu/math.as";

@unmanaged
class FakeQuantiseRows {
  x: usize; // [rows, width]
  y: usize; // [rows, width]
  rows: i32;
  width: i32;
}

/** s = 127 / max(max|x|, 1e-5), y = clamp(round(x·s), −128, 127) / s */
export function fakeQuantiseRows(args: usize, thread: i32, threads: i32): void {
  const p = changetype<FakeQuantiseRows>(args);
  const end = shareStart(p.rows, 1, thread + 1, threads);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const x = floatAt(p.x, row, p.width);
    const y = floatAt(p.y, row, p.width);
    let top = f32x4.splat(0);
    for (let i = 0; i < p.width; i += 4) top = f32x4.max(top, f32x4.abs(loadLanes(x, i, p.width)));
    const largest = Mathf.max(maxLanes(top), 1e-5);
    const s = f32x4.splat(127 / largest);
    const step = f32x4.splat(largest / 127);
    for (let i = 0; i < p.width; i += 4) {
      const q = f32x4.nearest(f32x4.mul(loadLanes(x, i, p.width), s));
      const held = f32x4.max(f32x4.min(q, f32x4.splat(127)), f32x4.splat(-128));
      storeLanes(y, i, p.width, f32x4.mul(held, step));
    }
  }
}

@unmanaged
class FakeQuantiseMatrix {
  w: usize; // [size]
  sums: usize; // [parts]: Σ|w| of each part
  y: usize; // [size]
  size: i32;
  parts: i32;
}

/** t = max(mean|w|, 1e-5), y = clamp(round(w / t), −1, 1)·t */
export function fakeQuantiseMatrix(args: usize, thread: i32, threads: i32): void {
  const p = changetype<FakeQuantiseMatrix>(args);
  let total: f64 = 0;
  for (let part = 0; part < p.parts; part++) total += <f64>load<f32>(p.sums + ((<usize>part) << 2));
  const scale = f32x4.splat(<f32>Math.max(total / <f64>p.size, 1e-5));
  const start = shareStart(p.size, 4, thread, threads);
  const end = shareStart(p.size, 4, thread + 1, threads);
  roundToTernary(p.w, p.y, start, end, scale);
}

@unmanaged
class FakeQuantiseGroups {
  x: usize; // [rows, width]: a row is a group of neighbours
  y: usize; // [rows, width]
  rows: i32;
  width: i32;
}

/** t = max(mean|x|, 1e-5), y = clamp(round(x / t), −1, 1)·t */
export function fakeQuantiseGroups(args: usize, thread: i32, threads: i32): void {
  const p = changetype<FakeQuantiseGroups>(args);
  const end = shareStart(p.rows, 1, thread + 1, threads);
  for (let row = shareStart(p.rows, 1, thread, threads); row < end; row++) {
    const x = floatAt(p.x, row, p.width);
    let sum = f32x4.splat(0);
    for (let i = 0; i < p.width; i += 4) sum = f32x4.add(sum, f32x4.abs(loadLanes(x, i, p.width)));
    const scale = f32x4.splat(Mathf.max(sumLanes(sum) / <f32>p.width, 1e-5));
    roundToTernary(x, floatAt(p.y, row, p.width), 0, p.width, scale);
  }
}

/** y = clamp(round(x / scale), −1, 1)·scale, for elements [start, end) */
function roundToTernary(x: usize, y: usize, start: i32, end: i32, scale: v128): void {
  for (let i = start; i < end; i += 4) {
    const code = f32x4.nearest(f32x4.div(loadLanes(x, i, end), scale));
    const held = f32x4.max(f32x4.min(code, f32x4.splat(1)), f32x4.splat(-1));
    storeLanes(y, i, end, f32x4.mul(held, scale));
  }
}
