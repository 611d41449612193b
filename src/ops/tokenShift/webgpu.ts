import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { tokenShiftBackward, tokenShiftForward } from './kernel.wgsl.ts';
import { tokenShiftBackwardOp, tokenShiftOp } from './tokenShift.ts';

export const tokenShiftOnWebGpu = [
  onWebGpu(tokenShiftOp, ({ inputs, outputs }) => [tokenShiftForward({ ...inputs, ...outputs })]),
  onWebGpu(tokenShiftBackwardOp, ({ inputs, outputs }) => tokenShiftBackward({ ...inputs, ...outputs })),
];
