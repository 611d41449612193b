import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Shape, Tensor } from '../../program/tensor.ts';

interface Attributes {
  readonly shape: Shape;
  readonly value: number;
}

/** A constant tensor. */
export function fill(shape: Shape, value: number): Tensor {
  return emit(fillOp, {}, { shape, value }).y;
}

export const fillOp: Op<Tensors<never>, Tensors<'y'>, Attributes> = {
  name: 'fill',
  outputs: (_, { shape }) => ({ y: { shape } }),
  cost: (call) => cost(call, {}),
  reference({ outputs: { y }, attributes: { value } }, data) {
    data(y).fill(value);
  },
};
