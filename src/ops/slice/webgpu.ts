import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { sliceBackward, sliceForward } from './kernel.wgsl.ts';
import { sliceBackwardOp, sliceOp } from './slice.ts';

export const sliceOnWebGpu = [
  onWebGpu(sliceOp, ({ inputs: { x }, outputs: { y }, attributes: { first } }) => [
    sliceForward(x, y, first),
  ]),
  onWebGpu(sliceBackwardOp, ({ inputs: { dy, dxBefore }, outputs: { dx }, attributes: { first } }) => [
    sliceBackward(dy, dxBefore, dx, first),
  ]),
];
