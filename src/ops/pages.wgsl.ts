import { pageSize } from './pages.ts';

/**
 * `poolRow(slot, position)`: the row of the pool that holds a position of a sequence. In scope are the table `pages`
 * and `p.maxPages`.
 */
export const poolRow = `
fn poolRow(slot: u32, position: u32) -> u32 {
  return u32(pages[slot * p.maxPages + position / ${pageSize}u]) * ${pageSize}u + position % ${pageSize}u;
}`;
