import { onCuda } from '../../kernels/cuda/lowering.ts';
import { scratch } from '../../kernels/scratch.ts';
import { rmsNormBackward } from '../rmsNorm/kernel.cuda.ts';
import { bitLinearGradients } from './backward.cuda.ts';
import { bitLinearBackwardOp, bitLinearOp } from './bitLinear.ts';
import { ternaryProduct } from './product.cuda.ts';
import { quantiseActivations, quantiseWeights } from './quantise.cuda.ts';
import { quantisedRows } from './quantisedRows.ts';
import { quantiseWeightsOp } from './quantiseWeights.ts';
import { epsilon } from './reference.ts';

export const bitLinearOnCuda = [
  onCuda(bitLinearOp, ({ inputs: { x, norm, codes, scale }, outputs: { y } }, features) => {
    const rows = quantisedRows(x);
    return [
      quantiseActivations({ x, norm, ...rows }),
      ...ternaryProduct({ ...rows, codes, scale, y }, features),
    ];
  }),
  onCuda(bitLinearBackwardOp, ({ inputs, outputs: { dx, dNorm, dWeight } }, features) => {
    const { x, norm, codes, scale, dOut, dxBefore, dNormBefore, dWeightBefore } = inputs;
    const rows = quantisedRows(x);
    const dy = scratch('dy', x.shape);
    return [
      quantiseActivations({ x, norm, ...rows }),
      ...bitLinearGradients({ ...rows, dOut, codes, scale, dy, dWeight, before: dWeightBefore }, features),
      ...rmsNormBackward(
        { x, gamma: norm, dy, dxBefore, dgammaBefore: dNormBefore, dx, dgamma: dNorm },
        epsilon,
      ),
    ];
  }),
  onCuda(quantiseWeightsOp, ({ inputs, outputs }) => quantiseWeights([{ ...inputs, ...outputs }])),
];
