import { scratch } from '../../kernels/scratch.ts';
import { onWebGpu } from '../../kernels/webgpu/lowering.ts';

import { rmsNormBackward } from '../rmsNorm/kernel.wgsl.ts';
import { gatedNormBackwardOp, gatedNormOp } from './gatedNorm.ts';
import { gatedNormBackward, gatedNormForward } from './kernel.wgsl.ts';

export const gatedNormOnWebGpu = [
  onWebGpu(gatedNormOp, ({ inputs, outputs, attributes: { epsilon } }) => [
    gatedNormForward({ ...inputs, ...outputs }, epsilon),
  ]),
  onWebGpu(gatedNormBackwardOp, ({ inputs, outputs: { dx, dgamma, dh }, attributes: { epsilon } }) => {
    const { x, h, gamma, dy, dxBefore, dgammaBefore } = inputs;
    const dNormal = scratch('dNormal', x.shape);
    const norm = { x, gamma, dy: dNormal, dxBefore, dgammaBefore, dx, dgamma };
    return [gatedNormBackward({ x, gamma, h, dy, dh, dNormal }, epsilon), ...rmsNormBackward(norm, epsilon)];
  }),
];
