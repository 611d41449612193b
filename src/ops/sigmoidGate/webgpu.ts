import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { sigmoidGateBackward, sigmoidGateForward } from './kernel.wgsl.ts';
import { sigmoidGateBackwardOp, sigmoidGateOp } from './sigmoidGate.ts';

export const sigmoidGateOnWebGpu = [
  onWebGpu(sigmoidGateOp, ({ inputs: { x, h }, outputs: { y } }) => [sigmoidGateForward(x, h, y)]),
  onWebGpu(sigmoidGateBackwardOp, ({ inputs, outputs }) => [sigmoidGateBackward({ ...inputs, ...outputs })]),
];
