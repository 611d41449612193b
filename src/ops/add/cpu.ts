import { follower, kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { addOp, columnSumOp } from './add.ts';

export const addOnCpu = [
  onCpu(addOp, ({ inputs: { a, b }, outputs: { y } }) => [
    follower(kernelCall('addForward', { a, b, y, rows: y.size / b.size, width: b.size, planes: 1 }), y),
  ]),
  onCpu(columnSumOp, ({ inputs: { x, before }, outputs: { y } }) => [
    kernelCall('columnSum', { x, before, y, rows: rowsOf(x), width: widthOf(x) }),
  ]),
];
