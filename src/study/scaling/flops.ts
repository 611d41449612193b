/** Operations of training, counted alike for every family. */
import { architectureOf } from '../../model/architecture.ts';
import type { ModelConfig } from '../../model/config.ts';
import { elementCount } from '../../program/tensor.ts';
import type { Family } from '../families.ts';

/** Weights that each token multiplies with: all matrices except the embedding, which is a lookup. */
export function matrixParameters(config: ModelConfig): number {
  return architectureOf(config)
    .parameters()
    .filter(({ role }) => role === 'ternary' || role === 'matrix')
    .reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/**
 * Forward and backward: six for each weight and token, whether it multiplies or adds, in floats or in integers,
 * and six for each product with the context.
 */
export function trainingFlops(
  { contextProducts }: Pick<Family, 'contextProducts'>,
  config: ModelConfig,
  { tokens, length }: { readonly tokens: number; readonly length: number },
): number {
  const context = contextProducts * config.layers * config.hiddenSize * length;
  return 6 * (matrixParameters(config) + context) * tokens;
}
