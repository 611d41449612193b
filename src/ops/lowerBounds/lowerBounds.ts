import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { lowerBoundsBackward, lowerBoundsForward } from './kernel.wgsl.ts';
import { lowerBoundsBackwardReference, lowerBoundsReference } from './reference.ts';

/**
 * Lower bounds of the forget gates: raw [layers, width] → bounds [layers, width], rising from 0 in the first
 * layer, so that upper layers forget more slowly.
 */
export function lowerBounds(raw: Tensor): Tensor {
  return emit(lowerBoundsOp, {
    inputs: [raw],
    outputs: [{ name: 'bounds', shape: raw.shape }],
    attributes: undefined,
  })[0]!;
}

export const lowerBoundsOp: Op = {
  name: 'lowerBounds',
  cost: ({ inputs: [raw], ...call }) =>
    cost(
      { inputs: [raw], ...call },
      { additions: 3 * raw!.size, multiplications: raw!.size, special: raw!.size },
    ),
  reference({ inputs: [raw], outputs: [bounds] }, data) {
    lowerBoundsReference(data(raw!), raw!.shape[0]!, data(bounds!));
  },
  cpu({ inputs: [raw], outputs: [bounds] }) {
    return [{ kernel: 'lowerBoundsForward', args: [raw, bounds, ...raw!.shape] }];
  },
  webgpu: ({ inputs: [raw], outputs: [bounds] }) => [lowerBoundsForward(raw!, bounds!)],
  backward({ inputs: [raw], outputs: [bounds] }, gradients) {
    if (!gradients.wants(raw)) return;
    const dRaw = emit(lowerBoundsBackwardOp, {
      inputs: [raw, gradients.of(bounds!), gradients.of(raw)],
      outputs: [{ name: 'dRaw', shape: raw.shape }],
      scratch: [{ name: 'p', shape: raw.shape }],
      attributes: undefined,
    });
    gradients.set(raw, dRaw[0]!);
  },
};

const lowerBoundsBackwardOp: Op = {
  name: 'lowerBoundsBackward',
  inPlace: [[0, 2]],
  cost: (call) =>
    cost(call, {
      additions: 5 * call.inputs[0]!.size,
      multiplications: 3 * call.inputs[0]!.size,
      special: call.inputs[0]!.size,
    }),
  reference({ inputs: [raw, dBounds, before], outputs: [dRaw] }, data) {
    lowerBoundsBackwardReference(data(raw!), raw!.shape[0]!, data(dBounds!), startSum(data, dRaw!, before));
  },
  cpu({ inputs: [raw, dBounds, before], outputs: [dRaw], scratch: [p] }) {
    return [{ kernel: 'lowerBoundsBackward', args: [raw, dBounds, before, dRaw, p, ...raw!.shape] }];
  },
  webgpu({ inputs: [raw, dBounds, before], outputs: [dRaw], scratch: [p] }) {
    return [lowerBoundsBackward({ raw: raw!, dBounds: dBounds!, dRaw: dRaw!, softmax: p! }, before)];
  },
};
