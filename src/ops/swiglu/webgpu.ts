import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { swigluBackward, swigluForward } from './kernel.wgsl.ts';
import { swigluBackwardOp, swigluOp } from './swiglu.ts';

export const swigluOnWebGpu = [
  onWebGpu(swigluOp, ({ inputs: { x }, outputs: { y } }) => [swigluForward(x, y)]),
  onWebGpu(swigluBackwardOp, ({ inputs: { x, dy }, outputs: { dx } }) => [swigluBackward(x, dy, dx)]),
];
