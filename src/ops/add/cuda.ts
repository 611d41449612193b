import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { columnSums } from '../../kernels/cuda/sums.cuda.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { addOp, columnSumOp } from './add.ts';

export const addOnCuda = [
  onCuda(addOp, ({ inputs: { a, b }, outputs: { y } }) => [
    {
      kernel: b.size === a.size ? 'add' : 'addVector',
      body: eachElement(`y[i] = a[i] + b[${b.size === a.size ? 'i' : 'i % width'}];`),
      tensors: { a, b, y },
      numbers: { size: y.size, width: widthOf(a) },
      ...overElements(y.size),
    },
  ]),
  onCuda(columnSumOp, ({ inputs: { x, before }, outputs: { y } }) =>
    columnSums({
      ...{ kernel: 'columnSum', rows: rowsOf(x), width: widthOf(x) },
      ...{ term: 'x[i]', tensors: { x }, y, before },
    }),
  ),
];
