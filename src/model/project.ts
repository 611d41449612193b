/** Products with matrices and rows of tables, in whatever form these are stored. */
import { add } from '../ops/add/add.ts';
import { embedding } from '../ops/embedding/embedding.ts';
import { groupedEmbedding } from '../ops/groupedEmbedding/groupedEmbedding.ts';
import { groupedLinear } from '../ops/groupedLinear/groupedLinear.ts';
import { linear } from '../ops/linear/linear.ts';
import { ternaryLinear } from '../ops/ternaryLinear/ternaryLinear.ts';
import type { Tensor } from '../program/tensor.ts';
import type { StoredMatrix, Weights } from './weights.ts';

/** x Wᵀ + b with W = `<prefix>.weight` and, if the model has one, b = `<prefix>.bias`: [.., width] → [.., out]. */
export function project(x: Tensor, weights: Weights, prefix: string): Tensor {
  const bias = weights.has(`${prefix}.bias`) ? weights.get(`${prefix}.bias`) : undefined;
  const matrix = weights.matrix(`${prefix}.weight`);
  if (matrix.form === 'grouped') return groupedLinear(x, { ...matrix, bias });
  const y = product(x, matrix);
  return bias ? add(y, bias) : y;
}

/** x Wᵀ: [.., width] → [.., out]. */
export function product(x: Tensor, matrix: StoredMatrix): Tensor {
  switch (matrix.form) {
    case 'grouped':
      return groupedLinear(x, matrix);
    case 'ternary':
      return ternaryLinear(x, matrix);
    case 'dense':
      return linear(x, matrix.weight, matrix.scales);
  }
}

/** Rows of the table `name`: ids [..] i32 → [.., width]. */
export function lookUp(ids: Tensor, weights: Weights, name: string): Tensor {
  const table = weights.matrix(name);
  switch (table.form) {
    case 'grouped':
      return groupedEmbedding(ids, table);
    case 'dense':
      return embedding(ids, table.weight, table.scales);
    case 'ternary':
      throw new Error(`${name}: a table is not stored as a ternary matrix of one scale`);
  }
}
