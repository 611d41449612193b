import type { Data } from '../../program/op.ts';
import { attentionReference } from '../attention/reference.ts';
import { loadRow } from '../pageRows.ts';
import { type PageType, poolRow } from '../pages.ts';

export interface PagedSizes {
  readonly rows: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headSize: number;
  readonly maxPages: number;
}

/** Each row by itself: its keys and values are collected from their pages, then it attends to them. */
export function pagedAttentionReference(
  { q, k, v }: { q: Data; k: Data; v: Data },
  { slots, positions, pages }: { slots: Data; positions: Data; pages: Data },
  { type, rows, heads, keyHeads, headSize, maxPages }: PagedSizes & { readonly type: PageType },
  y: Data,
): void {
  const [width, keyWidth] = [heads * headSize, keyHeads * headSize];
  for (let r = 0; r < rows; r++) {
    const keys = positions[r]! + 1;
    const collect = (pool: Data) => {
      const collected = new Float64Array(keys * keyWidth);
      for (let j = 0; j < keys; j++) {
        const row = poolRow(pages, maxPages, slots[r]!, j);
        collected.set(loadRow(type, pool, { heads: keyHeads, headSize, row }), j * keyWidth);
      }
      return collected;
    };
    const own = (all: Data) => all.subarray(r * width, (r + 1) * width);
    attentionReference(
      { q: own(q), k: collect(k), v: collect(v) },
      { batch: 1, length: 1, heads, keyHeads, headSize },
      { y: own(y), logSumExp: new Float64Array(heads) },
      keys - 1,
    );
  }
}
