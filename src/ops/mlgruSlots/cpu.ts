import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, sizeOf, widthOf } from '../../program/shapes.ts';
import { mlgruSlotsOp } from './mlgruSlots.ts';

export const mlgruSlotsOnCpu = [
  onCpu(mlgruSlotsOp, ({ inputs, outputs, attributes: { layer } }) => {
    const { i, states } = inputs;
    const sizes = { rows: rowsOf(i), width: widthOf(i), count: sizeOf(states, 0) };
    return [kernelCall('mlgruSlotsForward', { ...inputs, ...outputs, ...sizes, layer })];
  }),
];
