import { pageSize } from './pages.ts';

/** `poolRow(pages, maxPages, slot, position)`: the row of the pool that holds a position of a sequence. */
export const poolRow = `
__device__ inline unsigned poolRow(const int* pages, unsigned maxPages, unsigned slot, unsigned position) {
  return (unsigned)pages[slot * maxPages + position / ${pageSize}] * ${pageSize} + position % ${pageSize};
}
`;
