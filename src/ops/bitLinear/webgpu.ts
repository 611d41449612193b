import { scratch } from '../../kernels/scratch.ts';
import { onWebGpu } from '../../kernels/webgpu/lowering.ts';

import { rmsNormBackward } from '../rmsNorm/kernel.wgsl.ts';
import { bitLinearGradients } from './backward.wgsl.ts';
import { bitLinearBackwardOp, bitLinearOp } from './bitLinear.ts';
import { ternaryProduct } from './product.wgsl.ts';
import { quantiseActivations, quantiseWeights } from './quantise.wgsl.ts';
import { quantisedRows } from './quantisedRows.ts';
import { quantiseWeightsOp } from './quantiseWeights.ts';
import { epsilon } from './reference.ts';

export const bitLinearOnWebGpu = [
  onWebGpu(bitLinearOp, ({ inputs: { x, norm, codes, scale }, outputs: { y } }, features) => {
    const rows = quantisedRows(x);
    return [
      quantiseActivations({ x, norm, ...rows }),
      ternaryProduct({ ...rows, codes, scale, y }, features),
    ];
  }),
  onWebGpu(bitLinearBackwardOp, ({ inputs, outputs: { dx, dNorm, dWeight } }, features) => {
    const { x, norm, codes, scale, dOut, dxBefore, dNormBefore, dWeightBefore } = inputs;
    const { q, step, sum } = quantisedRows(x);
    const dy = scratch('dy', x.shape);
    const gradients = { dOut, codes, scale, q, step, dy, dWeight, before: dWeightBefore };
    return [
      quantiseActivations({ x, norm, q, step, sum }),
      ...bitLinearGradients(gradients, features),
      ...rmsNormBackward(
        { x, gamma: norm, dy, dxBefore, dgammaBefore: dNormBefore, dx, dgamma: dNorm },
        epsilon,
      ),
    ];
  }),
  onWebGpu(quantiseWeightsOp, ({ inputs, outputs }) => quantiseWeights({ ...inputs, ...outputs })),
];
