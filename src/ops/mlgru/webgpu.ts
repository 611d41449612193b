import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { mlgruBackward, mlgruForward, mlgruSlotsForward } from './kernel.wgsl.ts';
import { mlgruBackwardOp, mlgruOp, mlgruSlotsOp } from './mlgru.ts';

export const mlgruOnWebGpu = [
  onWebGpu(mlgruOp, ({ inputs: { i: xi, f: xf, start, bounds }, outputs, attributes: { layer } }) =>
    mlgruForward({ xi, xf, start, bounds, ...outputs }, layer),
  ),
  onWebGpu(mlgruSlotsOp, ({ inputs: { i: xi, f: xf, ...read }, outputs, attributes: { layer } }) =>
    mlgruSlotsForward({ xi, xf, ...read, ...outputs }, layer),
  ),
  onWebGpu(mlgruBackwardOp, ({ inputs, outputs, attributes: { layer } }) => {
    const { i: xi, f: xf, dBoundsBefore, ...read } = inputs;
    return mlgruBackward({ xi, xf, ...read, before: dBoundsBefore, ...outputs }, layer);
  }),
];
