// Rows of a pool of pages. `PAGE` is `pageSize` of pages.ts.

export const PAGE: i32 = 64;

/** The pages of a sequence: [maxPages] i32. */
// @ts-ignore: decorator
@inline
export function pagesOf(pages: usize, maxPages: i32, slot: i32): usize {
  return pages + ((<usize>(slot * maxPages)) << 2);
}

/** The row of the pool that holds position `position` of sequence `slot`. */
// @ts-ignore: decorator
@inline
export function poolRow(pages: usize, maxPages: i32, slot: i32, position: i32): i32 {
  const page = load<i32>(pagesOf(pages, maxPages, slot) + ((<usize>(position / PAGE)) << 2));
  return page * PAGE + (position % PAGE);
}
