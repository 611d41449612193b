import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { sigmoidGateBackwardReference, sigmoidGateReference } from './reference.ts';

/** The output gate of the paper's form: σ(x) ⊙ h, element by element. */
export function sigmoidGate(x: Tensor, h: Tensor): Tensor {
  expectShape('sigmoidGate', 'h', h, x.shape);
  return emit(sigmoidGateOp, { x, h }).y;
}

export const sigmoidGateOp: Op<Tensors<'x' | 'h'>, Tensors<'y'>> = {
  name: 'sigmoidGate',
  inPlace: { y: 'x' },
  outputs: ({ x }) => ({ y: { shape: x.shape } }),
  cost: (call) => {
    const n = call.inputs.x.size;
    return cost(call, { additions: n, multiplications: n, special: n });
  },
  reference({ inputs: { x, h }, outputs: { y } }, data) {
    sigmoidGateReference(data(x), data(h), data(y));
  },
  backward({ inputs: { x, h }, outputs: { y } }, gradients) {
    const { dx, dh } = emit(sigmoidGateBackwardOp, { x, h, dy: gradients.required(y) });
    if (gradients.wants(x)) gradients.add(x, dx);
    if (gradients.wants(h)) gradients.add(h, dh);
  },
};

export const sigmoidGateBackwardOp: Op<Tensors<'x' | 'h' | 'dy'>, Tensors<'dx' | 'dh'>> = {
  name: 'sigmoidGateBackward',
  inPlace: { dx: 'x', dh: 'h' },
  outputs: ({ x, h }) => ({ dx: { shape: x.shape }, dh: { shape: h.shape } }),
  cost: (call) => {
    const n = call.inputs.x.size;
    return cost(call, { additions: 2 * n, multiplications: 4 * n, special: n });
  },
  reference({ inputs: { x, h, dy }, outputs: { dx, dh } }, data) {
    sigmoidGateBackwardReference(data(x), data(h), data(dy), data(dx), data(dh));
  },
};
