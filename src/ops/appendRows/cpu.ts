import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import { appendRowsOp } from './appendRows.ts';

export const appendRowsOnCpu = [
  onCpu(appendRowsOp, ({ inputs: { rows, first }, outputs: { next } }) => [
    kernelCall('appendRows', { rows, first, next, length: sizeOf(rows, 1), width: widthOf(rows) }),
  ]),
];
