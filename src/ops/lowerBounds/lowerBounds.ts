import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { sizeOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { lowerBoundsBackwardReference, lowerBoundsReference } from './reference.ts';

/**
 * Lower bounds of the forget gates: raw [layers, width] → bounds [layers, width], rising from 0 in the first
 * layer, so that upper layers forget more slowly.
 */
export function lowerBounds(raw: Tensor): Tensor {
  return emit(lowerBoundsOp, { raw }).bounds;
}

export const lowerBoundsOp: Op<Tensors<'raw'>, Tensors<'bounds'>> = {
  name: 'lowerBounds',
  outputs: ({ raw }) => ({ bounds: { shape: raw.shape } }),
  cost: (call) => {
    const n = call.inputs.raw.size;
    return cost(call, { additions: 3 * n, multiplications: n, special: n });
  },
  reference({ inputs: { raw }, outputs: { bounds } }, data) {
    lowerBoundsReference(data(raw), sizeOf(raw, 0), data(bounds));
  },
  backward({ inputs: { raw }, outputs: { bounds } }, gradients) {
    if (!gradients.wants(raw)) return;
    const dBounds = gradients.required(bounds);
    const { dRaw } = emit(lowerBoundsBackwardOp, { raw, dBounds, dRawBefore: gradients.of(raw) });
    gradients.set(raw, dRaw);
  },
};

export const lowerBoundsBackwardOp: Op<Tensors<'raw' | 'dBounds', 'dRawBefore'>, Tensors<'dRaw'>> = {
  name: 'lowerBoundsBackward',
  inPlace: { dRaw: 'dRawBefore' },
  outputs: ({ raw }) => ({ dRaw: { shape: raw.shape } }),
  cost: (call) => {
    const n = call.inputs.raw.size;
    return cost(call, { additions: 5 * n, multiplications: 3 * n, special: n });
  },
  reference({ inputs: { raw, dBounds, dRawBefore }, outputs: { dRaw } }, data) {
    const sum = startSum(data, dRaw, dRawBefore);
    lowerBoundsBackwardReference(data(raw), sizeOf(raw, 0), data(dBounds), sum);
  },
};
