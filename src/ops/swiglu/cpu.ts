import { follower, kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { swigluBackwardOp, swigluOp } from './swiglu.ts';

export const swigluOnCpu = [
  onCpu(swigluOp, ({ inputs: { x }, outputs: { y } }) => [
    follower(kernelCall('swigluForward', { x, y, rows: rowsOf(y), width: widthOf(y), planes: 1 }), x),
  ]),
  onCpu(swigluBackwardOp, ({ inputs: { x, dy }, outputs: { dx } }) => [
    kernelCall('swigluBackward', { x, dy, dx, rows: rowsOf(dy), width: widthOf(dy) }),
  ]),
];
