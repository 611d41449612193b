import { floatAt, shareStart } from "../../kernels/cpu/math.as";
import { poolRow, rowBytes, storeRow } from "../pages.as";

@unmanaged
class AppendToPages {
  rows: usize; // [length, heads, headSize]
  slots: usize; // [length] i32
  positions: usize; // [length] i32
  pages: usize; // [sequences, maxPages] i32
  next: usize; // [pages of the pool, page size, …]
  length: i32;
  heads: i32;
  headSize: i32;
  maxPages: i32;
  elementBytes: i32; // of the pool: 4 f32, 2 f16, 1 i8
}

export function appendToPages(args: usize, thread: i32, threads: i32): void {
  const p = changetype<AppendToPages>(args);
  const bytes = rowBytes(p.elementBytes, p.heads, p.headSize);
  const end = shareStart(p.length, 1, thread + 1, threads);
  for (let r = shareStart(p.length, 1, thread, threads); r < end; r++) {
    const at = (<usize>r) << 2;
    const to = p.next + <usize>poolRow(p.pages, p.maxPages, load<i32>(p.slots + at), load<i32>(p.positions + at)) * bytes;
    storeRow(p.elementBytes, floatAt(p.rows, r, p.heads * p.headSize), p.heads, p.headSize, to);
  }
}
