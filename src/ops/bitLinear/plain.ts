/**
 * Ternary projections in training as plain modules of a framework compute them: a norm, the two quantisers and a dense
 * product, each with its float result in memory. The backward pass needs ŷ [rows, width] and Ŵ [out, width], so both stay
 * in memory; the fused op stores neither. Mathematics and gradients equal those of the fused op.
 */
import type { Tensor } from '../../program/tensor.ts';
import { fakeQuantiseMatrix, fakeQuantiseRows } from '../fakeQuantise/fakeQuantise.ts';
import { linear } from '../linear/linear.ts';
import { rmsNorm } from '../rmsNorm/rmsNorm.ts';
import { epsilon } from './reference.ts';

/** x [.., width], norm [width], weight f32 [out, width] → [.., out] */
export function plainBitLinear(x: Tensor, norm: Tensor, weight: Tensor): Tensor {
  return plainTernaryLinear(rmsNorm(x, norm, epsilon), weight);
}

/** The same without a norm: BitNet's projection. */
export function plainTernaryLinear(x: Tensor, weight: Tensor): Tensor {
  if (weight.dtype !== 'f32') throw new Error(`plain projection: expected float weights, found ${weight}`);
  return linear(fakeQuantiseRows(x), fakeQuantiseMatrix(weight));
}
