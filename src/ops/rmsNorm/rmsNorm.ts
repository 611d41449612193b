import { cost, type KernelCall, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { expectShape, rowsOf, widthOf } from '../shapes.ts';
import { type RmsNormBackward, rmsNormBackward, rmsNormForward } from './kernel.wgsl.ts';
import { rmsNormBackwardReference, rmsNormReference } from './reference.ts';

interface Attributes {
  readonly epsilon: number;
}

/** RMSNorm of each row of x [.., width], scaled by gamma [width]. */
export function rmsNorm(x: Tensor, gamma: Tensor, epsilon: number): Tensor {
  expectShape('rmsNorm', 'gamma', gamma, [widthOf(x)]);
  const outputs = [{ name: 'y', shape: x.shape }];
  return emit(rmsNormOp, { inputs: [x, gamma], outputs, attributes: { epsilon } })[0]!;
}

export const rmsNormOp: Op<Attributes> = {
  name: 'rmsNorm',
  inPlace: [[0, 0]],
  cost: (call) => cost(call, normCounts(call.inputs[0]!)),
  reference({ inputs: [x, gamma], outputs: [y], attributes }, data) {
    rmsNormReference(data(x!), data(gamma!), attributes.epsilon, data(y!));
  },
  cpu({ inputs: [x, gamma], outputs: [y], attributes }) {
    return [
      { kernel: 'rmsNormForward', args: [x, gamma, y, rowsOf(x!), widthOf(x!), { f32: attributes.epsilon }] },
    ];
  },
  webgpu: ({ inputs: [x, gamma], outputs: [y], attributes }) => [
    rmsNormForward(x!, gamma!, y!, attributes.epsilon),
  ],
  backward({ inputs: [x, gamma], outputs: [y], attributes }, gradients) {
    const [dx, dgamma] = emit(rmsNormBackwardOp, {
      inputs: [x, gamma, gradients.of(y!), gradients.of(x!), gradients.of(gamma!)],
      outputs: [
        { name: 'dx', shape: x!.shape },
        { name: 'dgamma', shape: gamma!.shape },
      ],
      scratch: [{ name: 'r', shape: [rowsOf(x!)] }],
      attributes,
    });
    if (gradients.wants(x)) gradients.set(x, dx!);
    if (gradients.wants(gamma)) gradients.set(gamma, dgamma!);
  },
};

export const rmsNormBackwardOp: Op<Attributes> = {
  name: 'rmsNormBackward',
  inPlace: [
    [0, 3],
    [1, 4],
  ],
  cost: (call) =>
    cost(call, { additions: 5 * call.inputs[0]!.size, multiplications: 8 * call.inputs[0]!.size }),
  reference({ inputs: [x, gamma, dy, dxBefore, dgammaBefore], outputs: [dx, dgamma], attributes }, data) {
    const sums = [startSum(data, dx!, dxBefore), startSum(data, dgamma!, dgammaBefore)] as const;
    rmsNormBackwardReference(data(x!), data(gamma!), attributes.epsilon, data(dy!), ...sums);
  },
  cpu({ inputs: [x, gamma, dy, dxBefore, dgammaBefore], outputs: [dx, dgamma], scratch: [r], attributes }) {
    return rmsNormBackwardKernels(
      { x: x!, gamma: gamma!, dy: dy!, dxBefore, dgammaBefore, dx: dx!, dgamma: dgamma!, r: r! },
      attributes.epsilon,
    );
  },
  webgpu({
    inputs: [x, gamma, dy, dxBefore, dgammaBefore],
    outputs: [dx, dgamma],
    scratch: [r],
    attributes,
  }) {
    return rmsNormBackward(
      { x: x!, gamma: gamma!, dy: dy!, dxBefore, dgammaBefore, dx: dx!, dgamma: dgamma!, r: r! },
      attributes.epsilon,
    );
  },
};

/** The kernel calls of RMSNorm's backward pass, which ops with a norm inside share. */
export function rmsNormBackwardKernels(t: RmsNormBackward, epsilon: number): KernelCall[] {
  const [rows, width] = [rowsOf(t.x), widthOf(t.x)];
  return [
    {
      kernel: 'rmsNormBackwardX',
      args: [t.x, t.gamma, t.dy, t.dxBefore, t.dx, t.r, rows, width, { f32: epsilon }],
    },
    { kernel: 'rmsNormBackwardGamma', args: [t.x, t.dy, t.r, t.dgammaBefore, t.dgamma, rows, width] },
  ];
}

/** Operations of one RMSNorm of x: square and sum, scale, and weigh. */
export function normCounts(x: Tensor) {
  return { additions: x.size, multiplications: 3 * x.size, special: rowsOf(x) };
}
