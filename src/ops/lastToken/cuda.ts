import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { startSum } from '../../kernels/cuda/sums.cuda.ts';
import { sequenceSizes, widthOf } from '../../program/shapes.ts';
import { lastTokenOp, lastTokenSlotsOp } from './lastToken.ts';

export const lastTokenOnCuda = [
  onCuda(lastTokenOp, ({ inputs: { x }, outputs: { y } }) => {
    const { length, width } = sequenceSizes('lastToken', x);
    return [
      {
        kernel: 'lastToken',
        body: eachElement('y[i] = x[((i / width + 1) * length - 1) * width + i % width];'),
        tensors: { x, y },
        numbers: { size: y.size, width, length },
        ...overElements(y.size),
      },
    ];
  }),
  onCuda(lastTokenSlotsOp, ({ inputs: { x, slots, before }, outputs: { next } }) => [
    startSum(next, before), // a copy onto itself where `next` is assigned to `before`
    {
      kernel: 'lastTokenSlots',
      body: eachElement(`
    const unsigned row = i / width;
    const bool isLast = i + width >= size || slots[row + 1] != slots[row];
    if (isLast) next[slots[row] * width + i % width] = x[i];`),
      tensors: { x, slots, next },
      numbers: { size: x.size, width: widthOf(x) },
      ...overElements(x.size),
    },
  ]),
];
