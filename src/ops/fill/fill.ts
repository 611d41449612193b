import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Shape, Tensor } from '../../program/tensor.ts';
import { fillForward } from './kernel.wgsl.ts';

/** A constant tensor. */
export function fill(shape: Shape, value: number): Tensor {
  return emit(fillOp, { inputs: [], outputs: [{ name: 'y', shape }], attributes: { value } })[0]!;
}

export const fillOp: Op<{ value: number }> = {
  name: 'fill',
  cost: (call) => cost(call, {}),
  reference({ outputs, attributes }, data) {
    data(outputs[0]!).fill(attributes.value);
  },
  cpu({ outputs, attributes }) {
    return [{ kernel: 'fillForward', args: [outputs[0], outputs[0]!.size, { f32: attributes.value }] }];
  },
  webgpu: ({ outputs, attributes }) => [fillForward(outputs[0]!, attributes.value)],
};
