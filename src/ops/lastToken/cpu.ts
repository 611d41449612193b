import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, sequenceSizes, sizeOf, widthOf } from '../../program/shapes.ts';
import { lastTokenOp, lastTokenSlotsOp } from './lastToken.ts';

export const lastTokenOnCpu = [
  onCpu(lastTokenOp, ({ inputs: { x }, outputs: { y } }) => [
    kernelCall('lastToken', { x, y, ...sequenceSizes('lastToken', x) }),
  ]),
  onCpu(lastTokenSlotsOp, ({ inputs, outputs }) => {
    const { x, before } = inputs;
    const sizes = { rows: rowsOf(x), width: widthOf(x), count: sizeOf(before, 0) };
    return [kernelCall('lastTokenSlots', { ...inputs, ...outputs, ...sizes })];
  }),
];
