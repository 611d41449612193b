/** The calls of fused rows. Only GPUs run them: they are made of calls that every engine has. */
import type { Op } from '../../program/op.ts';
import { bitLinearGradients } from '../bitLinear/backward.wgsl.ts';
import { type TernaryProduct, ternaryProduct } from '../bitLinear/product.wgsl.ts';
import { gpuOp, type InPlace } from './gpuOp.ts';
import { type GradientOfRows, gradientOfRows } from './gradientOfRows.wgsl.ts';
import { type QuantiseRows, quantiseRows } from './quantiseRows.wgsl.ts';

export const quantiseRowsOp = gpuOp<QuantiseRows>('quantiseRows', ({ attributes }) => [
  quantiseRows(attributes),
]);

/** Inputs: what is added to, q, step, sum, codes, scale. */
export const ternaryProductOp = gpuOp<TernaryProduct>(
  'ternaryProduct',
  ({ attributes }, features) => [ternaryProduct(attributes, features)],
  [[0, 0]],
);

/** Where the rows of a projection begin among those of its siblings. */
export interface Place {
  readonly first: number;
}

export const bitLinearGradientsOp = gpuOp<Place>(
  'bitLinearGradients',
  (
    { inputs: [before, dOut, codes, scale, q, step, largest], outputs: [dWeight, dy], attributes },
    features,
  ) =>
    bitLinearGradients(
      {
        ...{
          dOut: dOut!,
          largest,
          codes: codes!,
          scale: scale!,
          q: q!,
          step: step!,
          first: attributes.first,
        },
        ...{ dy: dy!, dWeight: dWeight!, before },
      },
      features,
    ),
  [[0, 0]],
);

/** Their inputs begin with x, and with what dx, dh and dγ0 may be written over: the sums so far, and h. */
export const gradientOfRowsOps = {
  rmsNorm: gradientOfRowsOp([
    [0, 1],
    [1, 3],
  ]),
  gatedNorm: gradientOfRowsOp([
    [0, 1],
    [1, 3],
    [2, 2],
  ]),
  swiglu: gradientOfRowsOp([[0, 0]]),
};

function gradientOfRowsOp(inPlace: InPlace): Op<GradientOfRows> {
  return gpuOp<GradientOfRows>('gradientOfRows', ({ attributes }) => gradientOfRows(attributes), inPlace);
}
