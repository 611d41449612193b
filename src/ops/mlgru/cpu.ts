import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { sequenceSizes, sizeOf } from '../../program/shapes.ts';
import { mlgruBackwardOp, mlgruOp } from './mlgru.ts';

export const mlgruOnCpu = [
  onCpu(mlgruOp, ({ inputs, outputs, attributes: { layer } }) => [
    kernelCall('mlgruForward', { ...inputs, ...outputs, ...sequenceSizes('mlgru', inputs.i), layer }),
  ]),
  onCpu(mlgruBackwardOp, ({ inputs, outputs, attributes: { layer } }) => {
    const { dBoundsBefore, ...read } = inputs;
    const sizes = sequenceSizes('mlgru', inputs.i);
    const layers = outputs.dBounds ? sizeOf(outputs.dBounds, 0) : 0;
    return [
      kernelCall('mlgruBackward', { ...read, before: dBoundsBefore, ...outputs, ...sizes, layer, layers }),
    ];
  }),
];
