import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { widthOf } from '../../program/shapes.ts';
import { appendRowsOp } from './appendRows.ts';

/** next [capacity, width], the variable's own memory, gets rows [length, width] from row `first` [1] on. */
export const appendRowsOnCuda = [
  onCuda(appendRowsOp, ({ inputs: { rows, first }, outputs: { next } }) => [
    {
      kernel: 'appendRows',
      body: eachElement('next[(size_t)first[0] * width + i] = rows[i];'),
      tensors: { rows, first, next },
      numbers: { size: rows.size, width: widthOf(rows) },
      ...overElements(rows.size),
    },
  ]),
];
