import { floatAt } from "../../kernels/cpu/math.as";
import { nativePagedAttention } from "../../kernels/cpu/native.as";
import { attend } from "../attention/softmax.as";
import { pagesOf, rowBytes } from "../pages.as";

@unmanaged
class PagedAttention {
  q: usize; // [rows, heads, headSize]
  k: usize; // [pages of the pool, page size, …]
  v: usize; // like k
  slots: usize; // [rows] i32
  positions: usize; // [rows] i32
  pages: usize; // [sequences, maxPages] i32
  y: usize; // like q
  rows: i32;
  heads: i32;
  keyHeads: i32;
  headSize: i32;
  maxPages: i32;
  elementBytes: i32; // of keys and values: 4 f32, 2 f16, 1 i8
}

export function pagedAttention(args: usize, thread: i32, threads: i32): void {
  if (nativePagedAttention(args, thread, threads)) return;
  const p = changetype<PagedAttention>(args);
  if (p.elementBytes == 4) attendByHeads<f32>(p, thread, threads);
  else if (p.elementBytes == 2) attendByHeads<u16>(p, thread, threads);
  else attendByHeads<i8>(p, thread, threads);
}

/** Threads take every so many heads of queries in turn. */
function attendByHeads<T>(p: PagedAttention, thread: i32, threads: i32): void {
  const group = p.heads / p.keyHeads;
  const stride = rowBytes(sizeof<T>(), p.keyHeads, p.headSize);
  for (let row = thread; row < p.rows * p.heads; row += threads) {
    const token = (<usize>(row / p.heads)) << 2;
    const offset = rowBytes(sizeof<T>(), (row % p.heads) / group, p.headSize);
    const pages = pagesOf(p.pages, p.maxPages, load<i32>(p.slots + token));
    const keys = load<i32>(p.positions + token) + 1;
    const y = floatAt(p.y, row, p.headSize);
    attend<T>(floatAt(p.q, row, p.headSize), p.k + offset, p.v + offset, pages, stride, keys, p.headSize, y);
  }
}
