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
  onCuda(sliceBackwardOp, ({ inputs: { dy, dxBefore }, outputs: { dx }, attributes: { first } }) => {
    const each = [dx.size, dy.size, first].every((size) => size % 4 === 0) ? 4 : 1;
    const type = each === 4 ? 'float4' : 'float';
    return [
      {
        kernel: `sliceBackward.${each}`,
        // In the memory of the sum so far, what is outside the slice is there already.
        body: eachElement(`
    const bool isOfSlice = i >= first && i - first < length;
    if (before == dx && !isOfSlice) continue;
    ${type} sum = {};
    if (before) sum = before[i];
    if (isOfSlice) sum = sum + dy[i - first];
    dx[i] = sum;`),
        tensors: { dy, before: dxBefore, dx },
        types: { dy: type, before: type, dx: type },
        numbers: { size: dx.size / each, first: first / each, length: dy.size / each },
        ...overElements(dx.size / each),
      },
    ];
  }),
];
