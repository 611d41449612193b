import { scratch } from '../../kernels/scratch.ts';
import { rowsOf, type Size, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/** int8 rows are padded to whole vectors, so that kernels need no tail. */
export function paddedWidth(x: Tensor): Size<'stride'> {
  return Math.ceil(widthOf(x) / 16) * 16;
}

/** Scratch for the rows of x as int8, with the step and the sum of each. */
export function quantisedRows(x: Tensor) {
  const rows = rowsOf(x);
  return {
    q: scratch('q', [rows, paddedWidth(x)], 'i8'),
    step: scratch('step', [rows]),
    sum: scratch('sum', [rows], 'i32'),
  };
}
