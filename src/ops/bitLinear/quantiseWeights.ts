import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit, type Program, recording } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { packCodes } from './packed.ts';
import { quantiseWeightsReference } from './reference.ts';

/** A ternary matrix in memory: packed codes of logical shape [out, width] and their scale t [1]. */
export interface TernaryMatrix {
  readonly codes: Tensor;
  readonly scale: Tensor;
}

const quantised = new WeakMap<Program, Map<Tensor, TernaryMatrix>>();

/** Quantises a float matrix [out, width] once a program, however often it is used. */
export function quantiseWeights(weight: Tensor): TernaryMatrix {
  const program = recording();
  const known = quantised.get(program) ?? new Map<Tensor, TernaryMatrix>();
  quantised.set(program, known);
  const found = known.get(weight);
  if (found) return found;
  const matrix = emit(quantiseWeightsOp, { weight });
  known.set(weight, matrix);
  return matrix;
}

export const quantiseWeightsOp: Op<Tensors<'weight'>, Tensors<'codes' | 'scale'>> = {
  name: 'quantiseWeights',
  outputs: ({ weight }) => ({
    codes: { shape: weight.shape, dtype: 'ternary' },
    scale: { shape: [1] },
  }),
  cost: (call) => {
    const n = call.inputs.weight.size;
    return cost(call, { additions: n, special: n });
  },
  reference({ inputs: { weight }, outputs: { codes, scale } }, data) {
    const matrix = quantiseWeightsReference(data(weight));
    packCodes(matrix.codes, codes.shape, data(codes));
    data(scale)[0] = matrix.scale;
  },
  // Straight through: the gradient of the quantised matrix is that of the float one.
  backward({ inputs: { weight }, outputs: { codes } }, gradients) {
    gradients.add(weight, gradients.required(codes));
  },
};
