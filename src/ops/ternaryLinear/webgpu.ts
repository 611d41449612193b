import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { bitLinearGradients } from '../bitLinear/backward.wgsl.ts';
import { ternaryProduct } from '../bitLinear/product.wgsl.ts';
import { quantisedRows } from '../bitLinear/quantisedRows.ts';

import { quantiseRows } from './kernel.wgsl.ts';
import { ternaryLinearBackwardOp, ternaryLinearOp } from './ternaryLinear.ts';

export const ternaryLinearOnWebGpu = [
  onWebGpu(ternaryLinearOp, ({ inputs: { x, codes, scale }, outputs: { y } }, features) => {
    const rows = quantisedRows(x);
    return [quantiseRows({ x, ...rows }), ternaryProduct({ ...rows, codes, scale, y }, features)];
  }),
  onWebGpu(ternaryLinearBackwardOp, ({ inputs, outputs: { dx, dWeight } }, features) => {
    const { x, codes, scale, dOut, dWeightBefore } = inputs;
    const { q, step, sum } = quantisedRows(x);
    const gradients = { dOut, codes, scale, q, step, dy: dx, dWeight, before: dWeightBefore };
    return [quantiseRows({ x, q, step, sum }), ...bitLinearGradients(gradients, features)];
  }),
];
