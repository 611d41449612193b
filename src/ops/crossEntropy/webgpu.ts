import { scratch } from '../../kernels/scratch.ts';
import { onWebGpu } from '../../kernels/webgpu/lowering.ts';

import { rowsOf } from '../../program/shapes.ts';
import { crossEntropyBackwardOp, crossEntropyOp } from './crossEntropy.ts';
import { crossEntropyBackward, crossEntropyForward } from './kernel.wgsl.ts';

export const crossEntropyOnWebGpu = [
  onWebGpu(crossEntropyOp, ({ inputs, outputs, attributes: { weight } }) => {
    const losses = scratch('losses', [rowsOf(inputs.logits)]);
    return crossEntropyForward({ ...inputs, ...outputs, losses }, weight);
  }),
  onWebGpu(crossEntropyBackwardOp, ({ inputs, outputs, attributes: { weight } }) => [
    crossEntropyBackward({ ...inputs, ...outputs }, weight),
  ]),
];
