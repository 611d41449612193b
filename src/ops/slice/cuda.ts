import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { sliceBackwardOp, sliceOp } from './slice.ts';

export const sliceOnCuda = [
  onCuda(sliceOp, ({ inputs: { x }, outputs: { y }, attributes: { first } }) => [
    {
      kernel: 'slice',
      body: eachElement('y[i] = x[first + i];'),
      tensors: { x, y },
      types: { x: 'unsigned', y: 'unsigned' }, // any elements of 32 bits
      numbers: { size: y.size, first },
      ...overElements(y.size),
    },
  ]),
  onCuda(sliceBackwardOp, ({ inputs: { dy, dxBefore }, outputs: { dx }, attributes: { first } }) => [
    {
      kernel: 'sliceBackward',
      body: eachElement(`
    const bool isOfSlice = i >= first && i - first < length;
    dx[i] = (before ? before[i] : 0.f) + (isOfSlice ? dy[i - first] : 0.f);`),
      tensors: { dy, before: dxBefore, dx },
      numbers: { size: dx.size, first, length: dy.size },
      ...overElements(dx.size),
    },
  ]),
];
