import { floatAt, shareStart } from "../../kernels/cpu/math.as";

@unmanaged
class AppendRows {
  rows: usize; // [length, width]
  first: usize; // [1] i32
  next: usize; // [capacity, width]
  length: i32;
  width: i32;
}

export function appendRows(args: usize, thread: i32, threads: i32): void {
  const p = changetype<AppendRows>(args);
  const start = shareStart(p.length, 1, thread, threads);
  const end = shareStart(p.length, 1, thread + 1, threads);
  const to = floatAt(p.next, load<i32>(p.first) + start, p.width);
  memory.copy(to, floatAt(p.rows, start, p.width), (<usize>(end - start) * <usize>p.width) << 2);
}
