import type { Data } from '../../program/op.ts';

/** next = cache, with `rows` from row `first` on */
export function appendRowsReference(cache: Data, rows: Data, first: number, width: number, next: Data): void {
  next.set(cache);
  next.set(rows, first * width);
}
