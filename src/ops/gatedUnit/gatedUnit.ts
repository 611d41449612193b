import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { type Activation, gatedUnitBackwardReference, gatedUnitReference } from './reference.ts';

interface Attributes {
  readonly activation: Activation;
}

/** The gated unit of a channel mixer whose gate and up projections are separate: act(g) ⊙ u, of one shape. */
export function gatedUnit(g: Tensor, u: Tensor, activation: Activation): Tensor {
  expectShape('gatedUnit', 'u', u, g.shape);
  return emit(gatedUnitOp, { g, u }, { activation }).y;
}

export const gatedUnitOp: Op<Tensors<'g' | 'u'>, Tensors<'y'>, Attributes> = {
  name: 'gatedUnit',
  inPlace: { y: 'g' },
  outputs: ({ g }) => ({ y: { shape: g.shape } }),
  cost: (call) => {
    const n = call.outputs.y.size;
    return call.attributes.activation === 'silu'
      ? cost(call, { additions: n, multiplications: 2 * n, special: n })
      : cost(call, { multiplications: 2 * n });
  },
  reference({ inputs: { g, u }, outputs: { y }, attributes: { activation } }, data) {
    gatedUnitReference(activation, data(g), data(u), data(y));
  },
  backward({ inputs: { g, u }, outputs: { y }, attributes }, gradients) {
    const { dg, du } = emit(gatedUnitBackwardOp, { g, u, dy: gradients.required(y) }, attributes);
    if (gradients.wants(g)) gradients.add(g, dg);
    if (gradients.wants(u)) gradients.add(u, du);
  },
};

export const gatedUnitBackwardOp: Op<Tensors<'g' | 'u' | 'dy'>, Tensors<'dg' | 'du'>, Attributes> = {
  name: 'gatedUnitBackward',
  inPlace: { dg: 'g', du: 'u' },
  outputs: ({ g, u }) => ({ dg: { shape: g.shape }, du: { shape: u.shape } }),
  cost: (call) => {
    const n = call.inputs.g.size;
    return cost(call, { additions: 3 * n, multiplications: 5 * n, special: n });
  },
  reference({ inputs: { g, u, dy }, outputs: { dg, du }, attributes: { activation } }, data) {
    const inputs = { g: data(g), u: data(u), dy: data(dy) };
    gatedUnitBackwardReference(activation, inputs, { dg: data(dg), du: data(du) });
  },
};
