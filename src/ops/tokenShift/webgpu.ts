import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { tokenShiftBackward, tokenShiftForward, tokenShiftSlotsForward } from './kernel.wgsl.ts';
import { tokenShiftBackwardOp, tokenShiftOp, tokenShiftSlotsOp } from './tokenShift.ts';

export const tokenShiftOnWebGpu = [
  onWebGpu(tokenShiftOp, ({ inputs, outputs }) => [tokenShiftForward({ ...inputs, ...outputs })]),
  onWebGpu(tokenShiftSlotsOp, ({ inputs, outputs }) => [tokenShiftSlotsForward({ ...inputs, ...outputs })]),
  onWebGpu(tokenShiftBackwardOp, ({ inputs, outputs }) => tokenShiftBackward({ ...inputs, ...outputs })),
];
