import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { sliceBackwardOp, sliceOp } from './slice.ts';

export const sliceOnCpu = [
  onCpu(sliceOp, ({ inputs: { x }, outputs: { y }, attributes: { first } }) => [
    kernelCall('sliceForward', { x, y, first, size: y.size }),
  ]),
  onCpu(sliceBackwardOp, ({ inputs: { dy, dxBefore }, outputs: { dx }, attributes: { first } }) => [
    kernelCall('sliceBackward', { dy, before: dxBefore, dx, first, size: dy.size, whole: dx.size }),
  ]),
];
