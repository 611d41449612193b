import { byRows, follower, kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { swigluBackwardOp, swigluOp } from './swiglu.ts';

export const swigluOnCpu = [
  onCpu(swigluOp, ({ inputs: { x }, outputs: { y } }) => {
    const call = kernelCall('swigluForward', { x, y, rows: rowsOf(y), width: widthOf(y), planes: 1 });
    return [byRows(follower(call, x), rowsOf(y))];
  }),
  onCpu(swigluBackwardOp, ({ inputs: { x, dy }, outputs: { dx } }) => [
    kernelCall('swigluBackward', { x, dy, dx, rows: rowsOf(dy), width: widthOf(dy) }),
  ]),
];
