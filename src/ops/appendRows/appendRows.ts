import { cost, type Op, type Tensors } from '../../program/op.ts';
import { assign, emit } from '../../program/record.ts';
import { expectShape, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { appendRowsReference } from './reference.ts';

/**
 * Writes rows [1, length, width] into the variable `cache` [1, capacity, width], starting at row `first` [1] i32
 * (first + length ≤ capacity). Returns the updated cache; later calls must read that.
 */
export function appendRows(cache: Tensor, rows: Tensor, first: Tensor): Tensor {
  expectShape('appendRows', 'cache', cache, [1, sizeOf(cache, 1), widthOf(rows)]);
  expectShape('appendRows', 'rows', rows, [1, sizeOf(rows, 1), widthOf(rows)]);
  const { next } = emit(appendRowsOp, { cache, rows, first });
  // The kernels write only the new rows: the result is the variable's own memory.
  assign(cache, next);
  return next;
}

export const appendRowsOp: Op<Tensors<'cache' | 'rows' | 'first'>, Tensors<'next'>> = {
  name: 'appendRows',
  outputs: ({ cache }) => ({ next: { shape: cache.shape } }),
  cost: (call) => {
    const { bytes } = call.inputs.rows;
    return { ...cost(call, {}), bytesRead: bytes, bytesWritten: bytes };
  },
  reference({ inputs: { cache, rows, first }, outputs: { next } }, data) {
    const [position = 0] = data(first);
    appendRowsReference(data(cache), data(rows), position, widthOf(rows), data(next));
  },
};
