/** The weights of a model as studies run it: ternary ones packed, other matrices and the embedding in 16 bits. */
import type { ParameterSpec } from '../model/parameters.ts';
import { Weights } from '../model/weights.ts';

export function inferenceWeights(specs: readonly ParameterSpec[]): Weights {
  const halves = specs
    .filter(({ role }) => role === 'embedding' || role === 'matrix')
    .map(({ name }) => [name, 'f16'] as const);
  return new Weights(specs, 'inference', new Map(halves));
}
