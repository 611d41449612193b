import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { expectShape } from '../shapes.ts';
import { gatedUnitBackward, gatedUnitForward } from './kernel.wgsl.ts';
import { type Activation, gatedUnitBackwardReference, gatedUnitReference } from './reference.ts';

interface Attributes {
  readonly activation: Activation;
}

/** The gated unit of a channel mixer whose gate and up projections are separate: act(g) ⊙ u, of one shape. */
export function gatedUnit(g: Tensor, u: Tensor, activation: Activation): Tensor {
  expectShape('gatedUnit', 'u', u, g.shape);
  const outputs = [{ name: 'y', shape: g.shape }];
  return emit(gatedUnitOp, { inputs: [g, u], outputs, attributes: { activation } })[0]!;
}

/** As the kernels number them. */
const kinds = { silu: 0, relu2: 1 } as const;

export const gatedUnitOp: Op<Attributes> = {
  name: 'gatedUnit',
  inPlace: [[0, 0]],
  cost: (call) => {
    const n = call.outputs[0]!.size;
    return call.attributes.activation === 'silu'
      ? cost(call, { additions: n, multiplications: 2 * n, special: n })
      : cost(call, { multiplications: 2 * n });
  },
  reference({ inputs: [g, u], outputs: [y], attributes }, data) {
    gatedUnitReference(attributes.activation, data(g!), data(u!), data(y!));
  },
  cpu({ inputs: [g, u], outputs: [y], attributes }) {
    return [{ kernel: 'gatedUnitForward', args: [g, u, y, y!.size, kinds[attributes.activation]] }];
  },
  webgpu: ({ inputs: [g, u], outputs: [y], attributes }) => [
    gatedUnitForward(attributes.activation, g!, u!, y!),
  ],
  backward({ inputs: [g, u], outputs: [y], attributes }, gradients) {
    const [dg, du] = emit(gatedUnitBackwardOp, {
      inputs: [g, u, gradients.of(y!)],
      outputs: [
        { name: 'dg', shape: g!.shape },
        { name: 'du', shape: u!.shape },
      ],
      attributes,
    });
    if (gradients.wants(g)) gradients.add(g, dg!);
    if (gradients.wants(u)) gradients.add(u, du!);
  },
};

const gatedUnitBackwardOp: Op<Attributes> = {
  name: 'gatedUnitBackward',
  inPlace: [
    [0, 0],
    [1, 1],
  ],
  cost: (call) => {
    const n = call.inputs[0]!.size;
    return cost(call, { additions: 3 * n, multiplications: 5 * n, special: n });
  },
  reference({ inputs: [g, u, dy], outputs: [dg, du], attributes }, data) {
    const inputs = { g: data(g!), u: data(u!), dy: data(dy!) };
    gatedUnitBackwardReference(attributes.activation, inputs, { dg: data(dg!), du: data(du!) });
  },
  cpu({ inputs: [g, u, dy], outputs: [dg, du], attributes }) {
    return [
      { kernel: 'gatedUnitBackward', args: [g, u, dy, dg, du, dy!.size, kinds[attributes.activation]] },
    ];
  },
  webgpu: ({ inputs: [g, u, dy], outputs: [dg, du], attributes }) => [
    gatedUnitBackward(attributes.activation, { g: g!, u: u!, dy: dy!, dg: dg!, du: du! }),
  ],
};
