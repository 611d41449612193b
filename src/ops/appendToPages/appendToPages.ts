import { cost, type Op, type Tensors } from '../../program/op.ts';
import { assign, emit } from '../../program/record.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { checkPaging, type Paging } from '../pages.ts';
import { appendToPagesReference } from './reference.ts';

/**
 * Writes each of the rows [1, rows, width] into the variable `pool` [pages, pageSize, width], at its position in the
 * pages of its sequence. Returns the pool as it is then; later calls read that.
 */
export function appendToPages(pool: Tensor, rows: Tensor, paging: Paging): Tensor {
  checkPaging('appendToPages', rows, pool, paging);
  if (widthOf(pool) !== widthOf(rows)) {
    throw new Error(`appendToPages: found ${rows} for ${pool}, expected rows as wide as the pool`);
  }
  const { next } = emit(appendToPagesOp, { pool, rows, ...paging });
  // The kernels write new rows only: the result is the variable's own memory.
  assign(pool, next);
  return next;
}

export const appendToPagesOp: Op<Tensors<'pool' | 'rows' | keyof Paging>, Tensors<'next'>> = {
  name: 'appendToPages',
  outputs: ({ pool }) => ({ next: { shape: pool.shape } }),
  cost: (call) => {
    const { bytes } = call.inputs.rows;
    return { ...cost(call, {}), bytesRead: bytes, bytesWritten: bytes };
  },
  reference({ inputs: { pool, rows, slots, positions, pages }, outputs: { next } }, data) {
    const paging = { slots: data(slots), positions: data(positions), pages: data(pages) };
    appendToPagesReference(data(pool), data(rows), { ...paging, maxPages: sizeOf(pages, 1) }, data(next));
  },
};
