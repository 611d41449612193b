import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { expectShape } from '../shapes.ts';
import { sigmoidGateBackward, sigmoidGateForward } from './kernel.wgsl.ts';
import { sigmoidGateBackwardReference, sigmoidGateReference } from './reference.ts';

/** The output gate of the paper's form: σ(x) ⊙ h, element by element. */
export function sigmoidGate(x: Tensor, h: Tensor): Tensor {
  expectShape('sigmoidGate', 'h', h, x.shape);
  return emit(sigmoidGateOp, {
    inputs: [x, h],
    outputs: [{ name: 'y', shape: x.shape }],
    attributes: undefined,
  })[0]!;
}

export const sigmoidGateOp: Op = {
  name: 'sigmoidGate',
  inPlace: [[0, 0]],
  cost: (call) => {
    const n = call.inputs[0]!.size;
    return cost(call, { additions: n, multiplications: n, special: n });
  },
  reference({ inputs: [x, h], outputs: [y] }, data) {
    sigmoidGateReference(data(x!), data(h!), data(y!));
  },
  cpu({ inputs: [x, h], outputs: [y] }) {
    return [{ kernel: 'sigmoidGateForward', args: [x, h, y, x!.size] }];
  },
  webgpu: ({ inputs: [x, h], outputs: [y] }) => [sigmoidGateForward(x!, h!, y!)],
  backward({ inputs: [x, h], outputs: [y] }, gradients) {
    const [dx, dh] = emit(sigmoidGateBackwardOp, {
      inputs: [x, h, gradients.of(y!)],
      outputs: [
        { name: 'dx', shape: x!.shape },
        { name: 'dh', shape: h!.shape },
      ],
      attributes: undefined,
    });
    if (gradients.wants(x)) gradients.add(x, dx!);
    if (gradients.wants(h)) gradients.add(h, dh!);
  },
};

const sigmoidGateBackwardOp: Op = {
  name: 'sigmoidGateBackward',
  inPlace: [
    [0, 0],
    [1, 1],
  ],
  cost: (call) => {
    const n = call.inputs[0]!.size;
    return cost(call, { additions: 2 * n, multiplications: 4 * n, special: n });
  },
  reference({ inputs: [x, h, dy], outputs: [dx, dh] }, data) {
    sigmoidGateBackwardReference(data(x!), data(h!), data(dy!), data(dx!), data(dh!));
  },
  cpu({ inputs: [x, h, dy], outputs: [dx, dh] }) {
    return [{ kernel: 'sigmoidGateBackward', args: [x, h, dy, dx, dh, x!.size] }];
  },
  webgpu({ inputs: [x, h, dy], outputs: [dx, dh] }) {
    return [sigmoidGateBackward({ x: x!, h: h!, dy: dy!, dx: dx!, dh: dh! })];
  },
};
