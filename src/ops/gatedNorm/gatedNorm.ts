import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { rmsNormBackward } from '../rmsNorm/kernel.wgsl.ts';
import { normCounts, rmsNormBackwardKernels } from '../rmsNorm/rmsNorm.ts';
import { expectShape, rowsOf, widthOf } from '../shapes.ts';
import { gatedNormBackward, gatedNormForward } from './kernel.wgsl.ts';
import { gatedNormBackwardReference, gatedNormReference } from './reference.ts';

interface Attributes {
  readonly epsilon: number;
}

/** The MLGRU's output gate: RMSNorm(x; gamma) ⊙ SiLU(h), for x and h [.., width] and gamma [width]. */
export function gatedNorm(x: Tensor, h: Tensor, gamma: Tensor, epsilon: number): Tensor {
  expectShape('gatedNorm', 'h', h, x.shape);
  expectShape('gatedNorm', 'gamma', gamma, [widthOf(x)]);
  const outputs = [{ name: 'y', shape: x.shape }];
  return emit(gatedNormOp, { inputs: [x, h, gamma], outputs, attributes: { epsilon } })[0]!;
}

export const gatedNormOp: Op<Attributes> = {
  name: 'gatedNorm',
  inPlace: [[0, 0]],
  cost: (call) => {
    const n = call.inputs[0]!.size;
    const norm = normCounts(call.inputs[0]!);
    return cost(call, {
      additions: norm.additions + n,
      multiplications: norm.multiplications + 2 * n,
      special: norm.special + n,
    });
  },
  reference({ inputs: [x, h, gamma], outputs: [y], attributes }, data) {
    gatedNormReference(data(x!), data(h!), data(gamma!), attributes.epsilon, data(y!));
  },
  cpu({ inputs: [x, h, gamma], outputs: [y], attributes }) {
    const epsilon = { f32: attributes.epsilon };
    return [{ kernel: 'gatedNormForward', args: [x, h, gamma, y, rowsOf(x!), widthOf(x!), epsilon] }];
  },
  webgpu({ inputs: [x, h, gamma], outputs: [y], attributes }) {
    return [gatedNormForward({ x: x!, h: h!, gamma: gamma!, y: y! }, attributes.epsilon)];
  },
  backward({ inputs: [x, h, gamma], outputs: [y], attributes }, gradients) {
    const [dx, dgamma, dh] = emit(gatedNormBackwardOp, {
      inputs: [x, h, gamma, gradients.of(y!), gradients.of(x!), gradients.of(gamma!)],
      outputs: [
        { name: 'dx', shape: x!.shape },
        { name: 'dgamma', shape: gamma!.shape },
        { name: 'dh', shape: h!.shape },
      ],
      scratch: [
        { name: 'dNormal', shape: x!.shape },
        { name: 'r', shape: [rowsOf(x!)] },
      ],
      attributes,
    });
    if (gradients.wants(x)) gradients.set(x, dx!);
    if (gradients.wants(gamma)) gradients.set(gamma, dgamma!);
    if (gradients.wants(h)) gradients.add(h, dh!);
  },
};

export const gatedNormBackwardOp: Op<Attributes> = {
  name: 'gatedNormBackward',
  inPlace: [
    [0, 4],
    [1, 5],
    [2, 1],
  ],
  cost: (call) => {
    const n = call.inputs[0]!.size;
    return cost(call, { additions: 9 * n, multiplications: 16 * n, special: n });
  },
  reference(
    { inputs: [x, h, gamma, dy, dxBefore, dgammaBefore], outputs: [dx, dgamma, dh], attributes },
    data,
  ) {
    const forward = { x: data(x!), h: data(h!), gamma: data(gamma!), epsilon: attributes.epsilon };
    const sums = { dx: startSum(data, dx!, dxBefore), dgamma: startSum(data, dgamma!, dgammaBefore) };
    gatedNormBackwardReference(forward, data(dy!), { ...sums, dh: data(dh!) });
  },
  cpu({ inputs, outputs: [dx, dgamma, dh], scratch: [dNormal, r], attributes: { epsilon } }) {
    const [x, h, gamma, dy, dxBefore, dgammaBefore] = inputs;
    const norm = {
      x: x!,
      gamma: gamma!,
      dy: dNormal!,
      dxBefore,
      dgammaBefore,
      dx: dx!,
      dgamma: dgamma!,
      r: r!,
    };
    return [
      {
        kernel: 'gatedNormBackward',
        args: [x, h, gamma, dy, dh, dNormal, rowsOf(x!), widthOf(x!), { f32: epsilon }],
      },
      ...rmsNormBackwardKernels(norm, epsilon),
    ];
  },
  webgpu({ inputs, outputs: [dx, dgamma, dh], scratch: [dNormal, r], attributes: { epsilon } }) {
    const [x, h, gamma, dy, dxBefore, dgammaBefore] = inputs;
    const shared = { x: x!, gamma: gamma! };
    const sums = { dxBefore, dgammaBefore, dx: dx!, dgamma: dgamma! };
    return [
      gatedNormBackward({ ...shared, h: h!, dy: dy!, dh: dh!, dNormal: dNormal! }, epsilon),
      ...rmsNormBackward({ ...shared, ...sums, dy: dNormal!, r: r! }, epsilon),
    ];
  },
};
