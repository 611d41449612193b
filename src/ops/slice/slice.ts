import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { elementCount, type Shape, type Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { sliceBackward, sliceForward } from './kernel.wgsl.ts';
import { sliceBackwardReference, sliceReference } from './reference.ts';

interface Attributes {
  /** The first element taken. */
  readonly first: number;
}

/** Neighbouring elements of x, of 32 bits each, from element `first` on, as a tensor of their own. */
export function slice(x: Tensor, first: number, shape: Shape): Tensor {
  const end = first + elementCount(shape);
  if (first < 0 || end > x.size) throw new Error(`slice: ${x} has no elements [${first}, ${end})`);
  const outputs = [{ name: 'y', shape, dtype: x.dtype }];
  return emit(sliceOp, { inputs: [x], outputs, attributes: { first } })[0]!;
}

export const sliceOp: Op<Attributes> = {
  name: 'slice',
  cost: (call) => cost(call, {}, call.outputs[0]!.bytes),
  reference({ inputs: [x], outputs: [y], attributes }, data) {
    sliceReference(data(x!), attributes.first, data(y!));
  },
  cpu({ inputs: [x], outputs: [y], attributes }) {
    return [{ kernel: 'sliceForward', args: [x, y, attributes.first, y!.size] }];
  },
  webgpu: ({ inputs: [x], outputs: [y], attributes }) => [sliceForward(x!, y!, attributes.first)],
  backward({ inputs: [x], outputs: [y], attributes }, gradients) {
    if (!gradients.wants(x)) return;
    const [dx] = emit(sliceBackwardOp, {
      inputs: [gradients.of(y!), gradients.of(x)],
      outputs: [{ name: 'dx', shape: x.shape }],
      attributes,
    });
    gradients.set(x, dx!);
  },
};

const sliceBackwardOp: Op<Attributes> = {
  name: 'sliceBackward',
  inPlace: [[0, 1]],
  cost: (call) => cost(call, { additions: call.inputs[0]!.size }),
  reference({ inputs: [dy, before], outputs: [dx], attributes }, data) {
    sliceBackwardReference(data(dy!), attributes.first, startSum(data, dx!, before));
  },
  cpu({ inputs: [dy, before], outputs: [dx], attributes }) {
    return [{ kernel: 'sliceBackward', args: [dy, before, dx, attributes.first, dy!.size, dx!.size] }];
  },
  webgpu: ({ inputs: [dy, before], outputs: [dx], attributes }) => [
    sliceBackward(dy!, before, dx!, attributes.first),
  ],
};
