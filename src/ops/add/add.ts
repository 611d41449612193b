import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { rowsOf, widthOf } from '../shapes.ts';
import { addForward, columnSum as columnSumDispatch } from './kernel.wgsl.ts';
import { addReference, columnSumReference } from './reference.ts';

/** a + b; b has the shape of a, or is a vector [width] that is added to every row of a (a bias). */
export function add(a: Tensor, b: Tensor): Tensor {
  if (b.size !== a.size && !(b.shape.length === 1 && b.size === widthOf(a))) {
    throw new Error(`add: expected equal shapes or a vector of a's width, found ${a} and ${b}`);
  }
  return emit(addOp, { inputs: [a, b], outputs: [{ name: 'y', shape: a.shape }], attributes: undefined })[0]!;
}

export const addOp: Op = {
  name: 'add',
  inPlace: [[0, 0]],
  cost: (call) => cost(call, { additions: call.outputs[0]!.size }),
  reference({ inputs: [a, b], outputs: [y] }, data) {
    addReference(data(a!), data(b!), data(y!));
  },
  cpu({ inputs: [a, b], outputs: [y] }) {
    return [{ kernel: 'addForward', args: [a, b, y, y!.size / b!.size, b!.size] }];
  },
  webgpu: ({ inputs: [a, b], outputs: [y] }) => [addForward(a!, b!, y!)],
  backward({ inputs: [a, b], outputs: [y] }, gradients) {
    const dy = gradients.of(y!)!;
    if (gradients.wants(a)) gradients.add(a, dy);
    if (gradients.wants(b)) {
      if (b.size === dy.size) gradients.add(b, dy);
      else gradients.set(b, columnSum(dy, gradients.of(b)));
    }
  },
};

/** Sum over rows, [rows, width] → [width], added to `before`. */
function columnSum(x: Tensor, before: Tensor | undefined): Tensor {
  const outputs = [{ name: 'y', shape: [widthOf(x)] }];
  return emit(columnSumOp, { inputs: [x, before], outputs, attributes: undefined })[0]!;
}

const columnSumOp: Op = {
  name: 'columnSum',
  inPlace: [[0, 1]],
  cost: (call) => cost(call, { additions: call.inputs[0]!.size }),
  reference({ inputs: [x, before], outputs: [y] }, data) {
    columnSumReference(data(x!), before && data(before), data(y!));
  },
  cpu({ inputs: [x, before], outputs: [y] }) {
    return [{ kernel: 'columnSum', args: [x, before, y, rowsOf(x!), widthOf(x!)] }];
  },
  webgpu: ({ inputs: [x, before], outputs: [y] }) => columnSumDispatch(x!, before, y!),
};
