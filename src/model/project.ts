/** The product of activations with a matrix, in whatever form the matrix is stored. */
import { add } from '../ops/add/add.ts';
import { linear } from '../ops/linear/linear.ts';
import { ternaryLinear } from '../ops/ternaryLinear/ternaryLinear.ts';
import type { Tensor } from '../program/tensor.ts';
import type { Weights } from './weights.ts';

/** x Wᵀ + b with W = `<prefix>.weight` and, if the model has one, b = `<prefix>.bias`: [.., width] → [.., out]. */
export function project(x: Tensor, weights: Weights, prefix: string): Tensor {
  const y = product(x, weights, `${prefix}.weight`);
  const bias = `${prefix}.bias`;
  return weights.has(bias) ? add(y, weights.get(bias)) : y;
}

/** x Wᵀ */
export function product(x: Tensor, weights: Weights, name: string): Tensor {
  const matrix = weights.matrix(name);
  switch (matrix.form) {
    case 'dense':
      return linear(x, matrix.weight, matrix.scales);
    case 'ternary':
      return ternaryLinear(x, matrix);
  }
}
