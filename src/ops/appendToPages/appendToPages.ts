import { cost, type Op, type Tensors } from '../../program/op.ts';
import { assign, emit } from '../../program/record.ts';
import { rowsOf, type Size, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { checkPaging, type Paging, pageSize, pageTypeOf, poolHeads } from '../pages.ts';
import { appendToPagesReference } from './reference.ts';

interface Attributes {
  readonly headSize: Size<'headSize'>;
}

/**
 * Writes each of the rows [1, rows, heads · headSize] f32 into the variable `pool` [pages, pageSize, …] of f32, f16 or i8,
 * at its position in the pages of its sequence. Returns the pool as it is then; later calls read that.
 */
export function appendToPages(pool: Tensor, rows: Tensor, headSize: number, paging: Paging): Tensor {
  checkPaging('appendToPages', rows, pool, paging);
  const heads = poolHeads(pool, headSize);
  if (headSize % 4 || heads * headSize !== widthOf(rows)) {
    throw new Error(
      `appendToPages: expected heads of a multiple of 4, as many as the pool has; found ${rows}, ${pool}, ${headSize}`,
    );
  }
  const { next } = emit(
    appendToPagesOp,
    { pool, rows, ...paging },
    { headSize: headSize as Size<'headSize'> },
  );
  // The kernels write new rows only: the result is the variable's own memory.
  assign(pool, next);
  return next;
}

export const appendToPagesOp: Op<Tensors<'pool' | 'rows' | keyof Paging>, Tensors<'next'>, Attributes> = {
  name: 'appendToPages',
  outputs: ({ pool }) => ({ next: { shape: pool.shape, dtype: pool.dtype } }),
  cost: (call) => {
    const { pool, rows } = call.inputs;
    const counts = { multiplications: pool.dtype === 'i8' ? rows.size : 0 };
    const rowBytes = pool.bytes / (sizeOf(pool, 0) * pageSize);
    return { ...cost(call, counts), bytesRead: rows.bytes, bytesWritten: rowsOf(rows) * rowBytes };
  },
  reference({ inputs: { pool, rows, slots, positions, pages }, outputs: { next }, attributes }, data) {
    const paging = { slots: data(slots), positions: data(positions), pages: data(pages) };
    appendToPagesReference(
      data(pool),
      data(rows),
      { ...paging, maxPages: sizeOf(pages, 1) },
      { type: pageTypeOf(pool), ...appendSizes(pool, attributes.headSize) },
      data(next),
    );
  },
};

/** Sizes that kernels need. */
export function appendSizes(pool: Tensor, headSize: Size<'headSize'>) {
  return { heads: poolHeads(pool, headSize) as Size<'heads'>, headSize };
}
