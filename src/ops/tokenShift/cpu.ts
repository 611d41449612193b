import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, sequenceSizes, widthOf } from '../../program/shapes.ts';
import { tokenShiftBackwardOp, tokenShiftOp, tokenShiftSlotsOp } from './tokenShift.ts';

export const tokenShiftOnCpu = [
  onCpu(tokenShiftOp, ({ inputs, outputs }) => [
    kernelCall('tokenShiftForward', { ...inputs, ...outputs, ...sequenceSizes('tokenShift', inputs.x) }),
  ]),
  onCpu(tokenShiftSlotsOp, ({ inputs, outputs }) => {
    const sizes = { rows: rowsOf(inputs.x), width: widthOf(inputs.x) };
    return [kernelCall('tokenShiftSlotsForward', { ...inputs, ...outputs, ...sizes })];
  }),
  onCpu(tokenShiftBackwardOp, ({ inputs, outputs }) => {
    const sizes = sequenceSizes('tokenShiftBackward', inputs.x);
    return [kernelCall('tokenShiftBackward', { ...inputs, ...outputs, ...sizes })];
  }),
];
