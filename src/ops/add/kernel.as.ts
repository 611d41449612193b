import { Optional } from "../../kernels/cpu/optional.as";
import { floatAt, loadLanes, planeStart, shareStart, storeLanes } from "../../kernels/cpu/math.as";

@unmanaged
class Add {
  a: usize; // [rows, width]
  b: usize; // [width]; one row when b has a's shape
  y: usize; // [rows, width]
  rows: i32;
  width: i32;
  planes: i32; // of a row, of which threads take shares
  unit: i32; // of a row that is one plane, shares are multiples of so many columns
}

export function addForward(args: usize, thread: i32, threads: i32): void {
  const p = changetype<Add>(args);
  for (let plane = 0; plane < p.planes; plane++) {
    const start = startOf(p, plane, thread, threads);
    const end = startOf(p, plane, thread + 1, threads);
    for (let row = 0; row < p.rows; row++) addColumns(p, row, start, end);
  }
}

function startOf(p: Add, plane: i32, thread: i32, threads: i32): i32 {
  if (p.planes == 1) return shareStart(p.width, p.unit, thread, threads);
  return planeStart(p.width, p.planes, plane, thread, threads);
}

// @ts-ignore: decorator
@inline
function addColumns(p: Add, row: i32, start: i32, end: i32): void {
  const a = floatAt(p.a, row, p.width);
  const y = floatAt(p.y, row, p.width);
  for (let i = start; i < end; i += 4) {
    storeLanes(y, i, end, f32x4.add(loadLanes(a, i, end), loadLanes(p.b, i, end)));
  }
}

@unmanaged
class ColumnSum {
  x: usize; // [rows, width]
  before: Optional; // [width] or 0
  y: usize; // [width]
  rows: i32;
  width: i32;
}

export function columnSum(args: usize, thread: i32, threads: i32): void {
  const p = changetype<ColumnSum>(args);
  const start = shareStart(p.width, 16, thread, threads);
  const end = shareStart(p.width, 16, thread + 1, threads);
  for (let i = start; i < end; i += 4) {
    let sum = p.before ? loadLanes(p.before, i, end) : f32x4.splat(0);
    for (let row = 0; row < p.rows; row++) sum = f32x4.add(sum, loadLanes(floatAt(p.x, row, p.width), i, end));
    storeLanes(p.y, i, end, sum);
  }
}
