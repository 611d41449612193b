import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { addReference, columnSumReference } from './reference.ts';

/** a + b; b has the shape of a, or is a vector [width] that is added to every row of a (a bias). */
export function add(a: Tensor, b: Tensor): Tensor {
  if (b.size !== a.size && !(b.shape.length === 1 && b.size === widthOf(a))) {
    throw new Error(`add: expected equal shapes or a vector of a's width, found ${a} and ${b}`);
  }
  return emit(addOp, { a, b }).y;
}

export const addOp: Op<Tensors<'a' | 'b'>, Tensors<'y'>> = {
  name: 'add',
  inPlace: { y: 'a' },
  outputs: ({ a }) => ({ y: { shape: a.shape } }),
  cost: (call) => cost(call, { additions: call.outputs.y.size }),
  reference({ inputs: { a, b }, outputs: { y } }, data) {
    addReference(data(a), data(b), data(y));
  },
  backward({ inputs: { a, b }, outputs: { y } }, gradients) {
    const dy = gradients.required(y);
    if (gradients.wants(a)) gradients.add(a, dy);
    if (gradients.wants(b)) {
      if (b.size === dy.size) gradients.add(b, dy);
      else gradients.set(b, emit(columnSumOp, { x: dy, before: gradients.of(b) }).y);
    }
  },
};

/** Sum over rows, [rows, width] → [width], added to `before`. */
export const columnSumOp: Op<Tensors<'x', 'before'>, Tensors<'y'>> = {
  name: 'columnSum',
  inPlace: { y: 'before' },
  outputs: ({ x }) => ({ y: { shape: [widthOf(x)] } }),
  cost: (call) => cost(call, { additions: call.inputs.x.size }),
  reference({ inputs: { x, before }, outputs: { y } }, data) {
    columnSumReference(data(x), before && data(before), data(y));
  },
};
