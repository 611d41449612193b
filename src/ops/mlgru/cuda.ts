import { onCuda } from '../../kernels/cuda/lowering.ts';
import { mlgruBackward, mlgruForward, mlgruSlotsForward } from './kernel.cuda.ts';
import { mlgruBackwardOp, mlgruOp, mlgruSlotsOp } from './mlgru.ts';

export const mlgruOnCuda = [
  onCuda(mlgruOp, ({ inputs: { i: xi, f: xf, start, bounds }, outputs, attributes: { layer } }) =>
    mlgruForward({ xi, xf, start, bounds, ...outputs }, layer),
  ),
  onCuda(mlgruSlotsOp, ({ inputs: { i: xi, f: xf, ...read }, outputs, attributes: { layer } }) =>
    mlgruSlotsForward({ xi, xf, ...read, ...outputs }, layer),
  ),
  onCuda(mlgruBackwardOp, ({ inputs, outputs, attributes: { layer } }) => {
    const { i: xi, f: xf, dBoundsBefore, ...read } = inputs;
    return mlgruBackward({ xi, xf, ...read, before: dBoundsBefore, ...outputs }, layer);
  }),
];
