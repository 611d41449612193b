import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { rmsNormBackward, rmsNormForward } from './kernel.wgsl.ts';
import { rmsNormBackwardOp, rmsNormOp } from './rmsNorm.ts';

export const rmsNormOnWebGpu = [
  onWebGpu(rmsNormOp, ({ inputs: { x, gamma }, outputs: { y }, attributes: { epsilon } }) => [
    rmsNormForward(x, gamma, y, epsilon),
  ]),
  onWebGpu(rmsNormBackwardOp, ({ inputs, outputs, attributes: { epsilon } }) =>
    rmsNormBackward({ ...inputs, ...outputs }, epsilon),
  ),
];
