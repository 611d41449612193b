import { onCuda } from '../../kernels/cuda/lowering.ts';
import type { Operands } from '../../program/op.ts';
import { rmsNormBackward, rmsNormForward } from './kernel.cuda.ts';
import { rmsNormBackwardOp, rmsNormOp } from './rmsNorm.ts';

export const rmsNormOnCuda = [
  onCuda(rmsNormOp, ({ inputs: { x, gamma }, outputs: { y }, attributes: { epsilon } }) => [
    rmsNormForward(x, gamma, y, epsilon),
  ]),
  onCuda(rmsNormBackwardOp, ({ inputs, outputs, attributes: { epsilon } }) => {
    const { half }: Operands = outputs; // where the engine wants a copy
    return rmsNormBackward({ ...inputs, ...outputs, half }, epsilon);
  }),
];
