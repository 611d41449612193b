import type { Data } from '../../program/op.ts';
import { storeRow } from '../pageRows.ts';
import { type PageType, poolRow } from '../pages.ts';

/** A `Paging` in the reference engine. */
export interface PagingData {
  readonly slots: Data;
  readonly positions: Data;
  readonly pages: Data;
  readonly maxPages: number;
}

/** How a pool's rows are kept. */
export interface RowFormat {
  readonly type: PageType;
  readonly heads: number;
  readonly headSize: number;
}

/** next = pool, with row r of `rows` where position positions[r] of sequence slots[r] lies */
export function appendToPagesReference(
  pool: Data,
  rows: Data,
  { slots, positions, pages, maxPages }: PagingData,
  { type, heads, headSize }: RowFormat,
  next: Data,
): void {
  const width = heads * headSize;
  next.set(pool);
  for (let r = 0; r < slots.length; r++) {
    const row = poolRow(pages, maxPages, slots[r]!, positions[r]!);
    storeRow(type, rows.subarray(r * width, (r + 1) * width), { heads, headSize, row }, next);
  }
}
