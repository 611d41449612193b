import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { normCounts } from '../rmsNorm/rmsNorm.ts';
import { gatedNormBackwardReference, gatedNormReference } from './reference.ts';

interface Attributes {
  readonly epsilon: number;
}

/** The MLGRU's output gate: RMSNorm(x; gamma) ⊙ SiLU(h), for x and h [.., width] and gamma [width]. */
export function gatedNorm(x: Tensor, h: Tensor, gamma: Tensor, epsilon: number): Tensor {
  expectShape('gatedNorm', 'h', h, x.shape);
  expectShape('gatedNorm', 'gamma', gamma, [widthOf(x)]);
  return emit(gatedNormOp, { x, h, gamma }, { epsilon }).y;
}

export const gatedNormOp: Op<Tensors<'x' | 'h' | 'gamma'>, Tensors<'y'>, Attributes> = {
  name: 'gatedNorm',
  inPlace: { y: 'x' },
  outputs: ({ x }) => ({ y: { shape: x.shape } }),
  cost: (call) => {
    const { x } = call.inputs;
    const norm = normCounts(x);
    return cost(call, {
      additions: norm.additions + x.size,
      multiplications: norm.multiplications + 2 * x.size,
      special: norm.special + x.size,
    });
  },
  reference({ inputs: { x, h, gamma }, outputs: { y }, attributes: { epsilon } }, data) {
    gatedNormReference(data(x), data(h), data(gamma), epsilon, data(y));
  },
  backward({ inputs, outputs: { y }, attributes }, gradients) {
    const { x, h, gamma } = inputs;
    const sums = { dxBefore: gradients.of(x), dgammaBefore: gradients.of(gamma) };
    const read = { ...inputs, dy: gradients.required(y), ...sums };
    const { dx, dgamma, dh } = emit(gatedNormBackwardOp, read, attributes);
    if (gradients.wants(x)) gradients.set(x, dx);
    if (gradients.wants(gamma)) gradients.set(gamma, dgamma);
    if (gradients.wants(h)) gradients.add(h, dh);
  },
};

export const gatedNormBackwardOp: Op<
  Tensors<'x' | 'h' | 'gamma' | 'dy', 'dxBefore' | 'dgammaBefore'>,
  Tensors<'dx' | 'dgamma' | 'dh'>,
  Attributes
> = {
  name: 'gatedNormBackward',
  inPlace: { dx: 'dxBefore', dgamma: 'dgammaBefore', dh: 'h' },
  outputs: ({ x, h, gamma }) => ({
    ...{ dx: { shape: x.shape }, dgamma: { shape: gamma.shape }, dh: { shape: h.shape } },
  }),
  cost: (call) => {
    const n = call.inputs.x.size;
    return cost(call, { additions: 9 * n, multiplications: 16 * n, special: n });
  },
  reference({ inputs, outputs: { dx, dgamma, dh }, attributes: { epsilon } }, data) {
    const { x, h, gamma, dy, dxBefore, dgammaBefore } = inputs;
    const forward = { x: data(x), h: data(h), gamma: data(gamma), epsilon };
    const sums = { dx: startSum(data, dx, dxBefore), dgamma: startSum(data, dgamma, dgammaBefore) };
    gatedNormBackwardReference(forward, data(dy), { ...sums, dh: data(dh) });
  },
};
