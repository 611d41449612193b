import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { sequenceSizes } from '../../program/shapes.ts';
import { tokenShiftBackwardOp, tokenShiftOp } from './tokenShift.ts';

export const tokenShiftOnCpu = [
  onCpu(tokenShiftOp, ({ inputs, outputs }) => [
    kernelCall('tokenShiftForward', { ...inputs, ...outputs, ...sequenceSizes('tokenShift', inputs.x) }),
  ]),
  onCpu(tokenShiftBackwardOp, ({ inputs, outputs }) => {
    const sizes = sequenceSizes('tokenShiftBackward', inputs.x);
    return [kernelCall('tokenShiftBackward', { ...inputs, ...outputs, ...sizes })];
  }),
];
