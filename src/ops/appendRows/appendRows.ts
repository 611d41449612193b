import { cost, type Op } from '../../program/op.ts';
import { assign, emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { expectShape, widthOf } from '../shapes.ts';
import { appendRows as appendRowsDispatch } from './kernel.wgsl.ts';
import { appendRowsReference } from './reference.ts';

/**
 * Writes rows [1, length, width] into the variable `cache` [1, capacity, width], from the row on that `first` [1]
 * i32 tells (first + length ≤ capacity). Returns the cache as it is then; later calls read that.
 */
export function appendRows(cache: Tensor, rows: Tensor, first: Tensor): Tensor {
  expectShape('appendRows', 'cache', cache, [1, cache.shape[1]!, widthOf(rows)]);
  expectShape('appendRows', 'rows', rows, [1, rows.shape[1]!, widthOf(rows)]);
  const outputs = [{ name: 'next', shape: cache.shape }];
  const next = emit(appendRowsOp, { inputs: [cache, rows, first], outputs, attributes: undefined })[0]!;
  // The kernels write new rows only: the result is the variable's own memory.
  assign(cache, next);
  return next;
}

export const appendRowsOp: Op = {
  name: 'appendRows',
  cost: (call) => {
    const { bytes } = call.inputs[1]!;
    return { ...cost(call, {}), bytesRead: bytes, bytesWritten: bytes };
  },
  reference({ inputs: [cache, rows, first], outputs: [next] }, data) {
    appendRowsReference(data(cache!), data(rows!), data(first!)[0]!, widthOf(rows!), data(next!));
  },
  cpu({ inputs: [, rows, first], outputs: [next] }) {
    return [{ kernel: 'appendRows', args: [rows, first, next, rows!.shape[1]!, widthOf(rows!)] }];
  },
  webgpu: ({ inputs: [, rows, first], outputs: [next] }) => [appendRowsDispatch(rows!, first!, next!)],
};
