import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { scratch } from '../../kernels/scratch.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import { lowerBoundsBackwardOp, lowerBoundsOp } from './lowerBounds.ts';

export const lowerBoundsOnCpu = [
  onCpu(lowerBoundsOp, ({ inputs: { raw }, outputs: { bounds } }) => [
    kernelCall('lowerBoundsForward', { raw, bounds, layers: sizeOf(raw, 0), width: widthOf(raw) }),
  ]),
  onCpu(lowerBoundsBackwardOp, ({ inputs: { raw, dBounds, dRawBefore }, outputs: { dRaw } }) => {
    const p = scratch('p', raw.shape);
    const sizes = { layers: sizeOf(raw, 0), width: widthOf(raw) };
    return [kernelCall('lowerBoundsBackward', { raw, dBounds, before: dRawBefore, dRaw, p, ...sizes })];
  }),
];
