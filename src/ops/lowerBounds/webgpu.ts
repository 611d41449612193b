import { scratch } from '../../kernels/scratch.ts';
import { onWebGpu } from '../../kernels/webgpu/lowering.ts';

import { lowerBoundsBackward, lowerBoundsForward } from './kernel.wgsl.ts';
import { lowerBoundsBackwardOp, lowerBoundsOp } from './lowerBounds.ts';

export const lowerBoundsOnWebGpu = [
  onWebGpu(lowerBoundsOp, ({ inputs: { raw }, outputs: { bounds } }) => [lowerBoundsForward(raw, bounds)]),
  onWebGpu(lowerBoundsBackwardOp, ({ inputs: { raw, dBounds, dRawBefore }, outputs: { dRaw } }) => {
    const softmax = scratch('p', raw.shape);
    return [lowerBoundsBackward({ raw, dBounds, dRaw, softmax }, dRawBefore)];
  }),
];
