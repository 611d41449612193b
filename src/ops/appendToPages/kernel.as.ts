import { floatAt, shareStart } from "../../kernels/cpu/math.as";
import { poolRow } from "../pages.as";

@unmanaged
class AppendToPages {
  rows: usize; // [length, width]
  slots: usize; // [length] i32
  positions: usize; // [length] i32
  pages: usize; // [sequences, maxPages] i32
  next: usize; // [pages of the pool, page size, width]
  length: i32;
  width: i32;
  maxPages: i32;
}

export function appendToPages(args: usize, thread: i32, threads: i32): void {
  const p = changetype<AppendToPages>(args);
  const end = shareStart(p.length, 1, thread + 1, threads);
  for (let r = shareStart(p.length, 1, thread, threads); r < end; r++) {
    const at = (<usize>r) << 2;
    const to = poolRow(p.pages, p.maxPages, load<i32>(p.slots + at), load<i32>(p.positions + at));
    memory.copy(floatAt(p.next, to, p.width), floatAt(p.rows, r, p.width), (<usize>p.width) << 2);
  }
}
