import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { mlgruSlotsForward } from './kernel.wgsl.ts';
import { mlgruSlotsOp } from './mlgruSlots.ts';

export const mlgruSlotsOnWebGpu = [
  onWebGpu(mlgruSlotsOp, ({ inputs: { i: xi, f: xf, ...read }, outputs, attributes: { layer } }) =>
    mlgruSlotsForward({ xi, xf, ...read, ...outputs }, layer),
  ),
];
