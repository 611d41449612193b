import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { elementCount, type Shape, type Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { sliceBackwardReference, sliceReference } from './reference.ts';

interface Attributes {
  /** The first element taken. */
  readonly first: number;
  /** Shape of the output. */
  readonly shape: Shape;
}

/** Consecutive elements of x, of 32 bits each, from element `first` on, as a new tensor. */
export function slice(x: Tensor, first: number, shape: Shape): Tensor {
  const end = first + elementCount(shape);
  if (first < 0 || end > x.size) throw new Error(`slice: ${x} has no elements [${first}, ${end})`);
  return emit(sliceOp, { x }, { first, shape }).y;
}

export const sliceOp: Op<Tensors<'x'>, Tensors<'y'>, Attributes> = {
  name: 'slice',
  outputs: ({ x }, { shape }) => ({ y: { shape, dtype: x.dtype } }),
  cost: (call) => cost(call, {}, call.outputs.y.bytes),
  reference({ inputs: { x }, outputs: { y }, attributes: { first } }, data) {
    sliceReference(data(x), first, data(y));
  },
  backward({ inputs: { x }, outputs: { y }, attributes: { first } }, gradients) {
    if (!gradients.wants(x)) return;
    const given = { dy: gradients.required(y), dxBefore: gradients.of(x) };
    gradients.set(x, emit(sliceBackwardOp, given, { first, shape: x.shape }).dx);
  },
};

export const sliceBackwardOp: Op<Tensors<'dy', 'dxBefore'>, Tensors<'dx'>, Attributes> = {
  name: 'sliceBackward',
  inPlace: { dx: 'dxBefore' },
  outputs: (_, { shape }) => ({ dx: { shape } }),
  cost: (call) => cost(call, { additions: call.inputs.dy.size }),
  reference({ inputs: { dy, dxBefore }, outputs: { dx }, attributes: { first } }, data) {
    sliceBackwardReference(data(dy), first, startSum(data, dx, dxBefore));
  },
};
