/** Where rows of many sequences find their keys and values: in pages of one pool, named by a table of each sequence. */
import { expectShape, rowsOf, sizeOf, widthOf } from '../program/shapes.ts';
import type { Tensor } from '../program/tensor.ts';

/** Tokens of a page. It is the tile of attention on the CPU, so that a query's bits don't depend on its pages. */
export const pageSize = 64;

/**
 * Element types of a pool. In i8, each head of each row is `headSize` codes with their step after them, an f32 in four
 * bytes: see pageRows.ts.
 */
export type PageType = 'f32' | 'f16' | 'i8';

/** Bytes of the step after a head's codes in i8. */
export const stepBytes = 4;

/** Elements of a pool's row. */
export function poolWidth(type: PageType, heads: number, headSize: number): number {
  return heads * (headSize + (type === 'i8' ? stepBytes : 0));
}

export interface Paging {
  /** The sequence of each row: [rows] i32 in [0, sequences). */
  readonly slots: Tensor;
  /** The position of each row in its sequence: [rows] i32, below `pageSize` · maxPages. */
  readonly positions: Tensor;
  /** The pages of each sequence, in order: [sequences, maxPages] i32 in [0, pages of the pool). */
  readonly pages: Tensor;
}

/**
 * Sizes of a pool [pages, pageSize, width] and the table that refers to it.
 * @throws Error if a shape is wrong
 */
export function checkPaging(op: string, x: Tensor, pool: Tensor, { slots, positions, pages }: Paging): void {
  expectShape(op, 'slots', slots, [rowsOf(x)]);
  expectShape(op, 'positions', positions, [rowsOf(x)]);
  expectShape(op, 'pages', pages, [sizeOf(pages, 0), sizeOf(pages, 1)]);
  expectShape(op, 'pool', pool, [sizeOf(pool, 0), pageSize, sizeOf(pool, 2)]);
  pageTypeOf(pool);
}

/** @throws Error if a pool cannot have the tensor's type */
export function pageTypeOf({ dtype, name }: Tensor): PageType {
  if (dtype === 'f32' || dtype === 'f16' || dtype === 'i8') return dtype;
  throw new Error(`${name}: found a pool of ${dtype}, expected f32, f16 or i8`);
}

/** Heads of a pool's rows, of `headSize` elements each. */
export function poolHeads(pool: Tensor, headSize: number): number {
  return widthOf(pool) / poolWidth(pageTypeOf(pool), 1, headSize);
}

/** The row of the pool that holds position `position` of sequence `slot`: the formula of all engines. */
export function poolRow(
  pages: { readonly [index: number]: number },
  maxPages: number,
  slot: number,
  position: number,
): number {
  const page = pages[slot * maxPages + Math.floor(position / pageSize)] ?? 0;
  return page * pageSize + (position % pageSize);
}
