import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { columnSums } from '../../kernels/cuda/sums.cuda.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { addOp, columnSumOp } from './add.ts';

export const addOnCuda = [
  onCuda(addOp, ({ inputs: { a, b }, outputs: { y } }) => {
    const isWide = b.size === a.size && y.size % 4 === 0;
    const size = isWide ? y.size / 4 : y.size;
    const one = `y[i] = a[i] + b[${b.size === a.size ? 'i' : 'i % width'}];`;
    return [
      {
        kernel: isWide ? 'add.4' : b.size === a.size ? 'add' : 'addVector',
        body: eachElement(isWide ? '((float4*)y)[i] = ((const float4*)a)[i] + ((const float4*)b)[i];' : one),
        tensors: { a, b, y },
        numbers: { size, width: widthOf(a) },
        ...overElements(size),
      },
    ];
  }),
  onCuda(columnSumOp, ({ inputs: { x, before }, outputs: { y } }) =>
    columnSums({
      ...{ kernel: 'columnSum', rows: rowsOf(x), width: widthOf(x) },
      ...{ term: 'x[i]', tensors: { x }, y, before },
    }),
  ),
];
