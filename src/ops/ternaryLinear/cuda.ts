import { onCuda } from '../../kernels/cuda/lowering.ts';
import { bitLinearGradients } from '../bitLinear/backward.cuda.ts';
import { ternaryProduct } from '../bitLinear/product.cuda.ts';
import { quantiseActivations } from '../bitLinear/quantise.cuda.ts';
import { quantisedRows } from '../bitLinear/quantisedRows.ts';
import { ternaryLinearBackwardOp, ternaryLinearOp } from './ternaryLinear.ts';

export const ternaryLinearOnCuda = [
  onCuda(ternaryLinearOp, ({ inputs: { x, codes, scale }, outputs: { y } }, features) => {
    const rows = quantisedRows(x);
    return [quantiseActivations({ x, ...rows }), ...ternaryProduct({ ...rows, codes, scale, y }, features)];
  }),
  onCuda(ternaryLinearBackwardOp, ({ inputs, outputs: { dx, dWeight } }, features) => {
    const { x, codes, scale, dOut, dWeightBefore } = inputs;
    const rows = quantisedRows(x);
    const gradients = { ...rows, dOut, codes, scale, dy: dx, dWeight, before: dWeightBefore };
    return [quantiseActivations({ x, ...rows }), ...bitLinearGradients(gradients, features)];
  }),
];
