import { byColumns, follower, kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, sequenceSizes, sizeOf, widthOf } from '../../program/shapes.ts';
import { mlgruBackwardOp, mlgruOp, mlgruSlotsOp } from './mlgru.ts';

export const mlgruOnCpu = [
  onCpu(mlgruOp, ({ inputs, outputs, attributes: { layer } }) => {
    const sizes = sequenceSizes('mlgru', inputs.i);
    const call = kernelCall('mlgruForward', { ...inputs, ...outputs, ...sizes, layer, planes: 1 });
    return [follower(byColumns(call, sizes.width), inputs.i)];
  }),
  onCpu(mlgruSlotsOp, ({ inputs, outputs, attributes: { layer } }) => {
    const { i, states } = inputs;
    const sizes = { rows: rowsOf(i), width: widthOf(i), count: sizeOf(states, 0), planes: 1 };
    return [follower(kernelCall('mlgruSlotsForward', { ...inputs, ...outputs, ...sizes, layer }), i)];
  }),
  onCpu(mlgruBackwardOp, ({ inputs, outputs, attributes: { layer } }) => {
    const { dBoundsBefore, ...read } = inputs;
    const sizes = sequenceSizes('mlgru', inputs.i);
    const layers = outputs.dBounds ? sizeOf(outputs.dBounds, 0) : 0;
    const args = { ...read, before: dBoundsBefore, ...outputs, ...sizes, layer, layers };
    return [byColumns(kernelCall('mlgruBackward', args), sizes.width)];
  }),
];
