import { cost, type Op } from '../../program/op.ts';
import { emit, type Program, recording } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { packCodes } from './packed.ts';
import { quantiseWeights as quantiseWeightsDispatches } from './quantise.wgsl.ts';
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
  const [codes, scale] = emit(quantiseWeightsOp, {
    inputs: [weight],
    outputs: [
      { name: 'codes', shape: weight.shape, dtype: 'ternary' },
      { name: 'scale', shape: [1] },
    ],
    scratch: weightScale.scratch,
    attributes: undefined,
  });
  const matrix = { codes: codes!, scale: scale! };
  known.set(weight, matrix);
  return matrix;
}

/** Σ|w| is taken in this many parts, whatever the number of threads, so that it never changes. */
const parts = 64;

/** On the CPU: the sums of |w| from which each thread finds the scale. */
export const weightScale = {
  parts,
  scratch: [{ name: 'parts', shape: [parts] }],
  kernel: (weight: Tensor, sums: Tensor) => ({
    kernel: 'weightScaleParts',
    args: [weight, sums, weight.size, parts],
  }),
} as const;

export const quantiseWeightsOp: Op = {
  name: 'quantiseWeights',
  cost: (call) => {
    const n = call.inputs[0]!.size;
    return cost(call, { additions: n, special: n });
  },
  reference({ inputs: [weight], outputs: [codes, scale] }, data) {
    const matrix = quantiseWeightsReference(data(weight!));
    packCodes(matrix.codes, codes!.shape, data(codes!));
    data(scale!)[0] = matrix.scale;
  },
  cpu({ inputs: [weight], outputs: [codes, scale], scratch: [sums] }) {
    return [
      weightScale.kernel(weight!, sums!),
      { kernel: 'packWeights', args: [weight, sums, codes, scale, ...weight!.shape, parts] },
    ];
  },
  webgpu({ inputs: [weight], outputs: [codes, scale] }) {
    return quantiseWeightsDispatches({ weight: weight!, codes: codes!, scale: scale! });
  },
  // Straight through: the gradient of the quantised matrix is that of the float one.
  backward({ inputs: [weight], outputs: [codes] }, gradients) {
    gradients.add(weight!, gradients.of(codes!)!);
  },
};
