import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { rmsNormBackwardReference, rmsNormReference } from './reference.ts';

interface Attributes {
  readonly epsilon: number;
}

/** RMSNorm of each row of x [.., width], scaled by gamma [width]. */
export function rmsNorm(x: Tensor, gamma: Tensor, epsilon: number): Tensor {
  expectShape('rmsNorm', 'gamma', gamma, [widthOf(x)]);
  return emit(rmsNormOp, { x, gamma }, { epsilon }).y;
}

export const rmsNormOp: Op<Tensors<'x' | 'gamma'>, Tensors<'y'>, Attributes> = {
  name: 'rmsNorm',
  inPlace: { y: 'x' },
  outputs: ({ x }) => ({ y: { shape: x.shape } }),
  cost: (call) => cost(call, normCounts(call.inputs.x)),
  reference({ inputs: { x, gamma }, outputs: { y }, attributes: { epsilon } }, data) {
    rmsNormReference(data(x), data(gamma), epsilon, data(y));
  },
  backward({ inputs: { x, gamma }, outputs: { y }, attributes }, gradients) {
    const dy = gradients.required(y);
    const before = { dxBefore: gradients.of(x), dgammaBefore: gradients.of(gamma) };
    const { dx, dgamma } = emit(rmsNormBackwardOp, { x, gamma, dy, ...before }, attributes);
    if (gradients.wants(x)) gradients.set(x, dx);
    if (gradients.wants(gamma)) gradients.set(gamma, dgamma);
  },
};

export const rmsNormBackwardOp: Op<
  Tensors<'x' | 'gamma' | 'dy', 'dxBefore' | 'dgammaBefore'>,
  Tensors<'dx' | 'dgamma'>,
  Attributes
> = {
  name: 'rmsNormBackward',
  inPlace: { dx: 'dxBefore', dgamma: 'dgammaBefore' },
  outputs: ({ x, gamma }) => ({ dx: { shape: x.shape }, dgamma: { shape: gamma.shape } }),
  cost: (call) => {
    const { size } = call.inputs.x;
    return cost(call, { additions: 5 * size, multiplications: 8 * size });
  },
  reference({ inputs, outputs: { dx, dgamma }, attributes: { epsilon } }, data) {
    const { x, gamma, dy, dxBefore, dgammaBefore } = inputs;
    const sums = [startSum(data, dx, dxBefore), startSum(data, dgamma, dgammaBefore)] as const;
    rmsNormBackwardReference(data(x), data(gamma), epsilon, data(dy), ...sums);
  },
};

/** Operations of one RMSNorm of x: square and sum, scale, and weigh. */
export function normCounts(x: Tensor) {
  return { additions: x.size, multiplications: 3 * x.size, special: rowsOf(x) };
}
