import type { Data } from '../../program/op.ts';
import { poolRow } from '../pages.ts';

/** A `Paging` in the reference engine. */
export interface PagingData {
  readonly slots: Data;
  readonly positions: Data;
  readonly pages: Data;
  readonly maxPages: number;
}

/** next = pool, with row r of `rows` where position positions[r] of sequence slots[r] lies */
export function appendToPagesReference(
  pool: Data,
  rows: Data,
  { slots, positions, pages, maxPages }: PagingData,
  next: Data,
): void {
  const width = rows.length / slots.length;
  next.set(pool);
  for (let r = 0; r < slots.length; r++) {
    const to = poolRow(pages, maxPages, slots[r]!, positions[r]!);
    next.set(rows.subarray(r * width, (r + 1) * width), to * width);
  }
}
