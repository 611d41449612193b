import { floatAt } from "../../kernels/cpu/math.as";
import { attend } from "../attention/softmax.as";
import { pagesOf } from "../pages.as";

@unmanaged
class PagedAttention {
  q: usize; // [rows, heads, headSize]
  k: usize; // [pages of the pool, page size, keyHeads, headSize]
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
}

/** Threads take every so many heads of queries in turn. */
export function pagedAttention(args: usize, thread: i32, threads: i32): void {
  const p = changetype<PagedAttention>(args);
  const group = p.heads / p.keyHeads;
  const stride = (<usize>(p.keyHeads * p.headSize)) << 2;
  for (let row = thread; row < p.rows * p.heads; row += threads) {
    const token = (<usize>(row / p.heads)) << 2;
    const offset = (<usize>((row % p.heads) / group) * <usize>p.headSize) << 2;
    const pages = pagesOf(p.pages, p.maxPages, load<i32>(p.slots + token));
    const keys = load<i32>(p.positions + token) + 1;
    const y = floatAt(p.y, row, p.headSize);
    attend(floatAt(p.q, row, p.headSize), p.k + offset, p.v + offset, pages, stride, keys, p.headSize, y);
  }
}
