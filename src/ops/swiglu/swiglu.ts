import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { rowsOf, widthOf, withWidth } from '../shapes.ts';
import { swigluBackward, swigluForward } from './kernel.wgsl.ts';
import { swigluBackwardReference, swigluReference } from './reference.ts';

/** The gated unit of the channel mixer: x [.., 2·width] holds [g, u] in each row; SiLU(g) ⊙ u [.., width]. */
export function swiglu(x: Tensor): Tensor {
  if (widthOf(x) % 2) throw new Error(`swiglu: expected an even width, found ${x}`);
  const outputs = [{ name: 'y', shape: withWidth(x.shape, widthOf(x) / 2) }];
  return emit(swigluOp, { inputs: [x], outputs, attributes: undefined })[0]!;
}

export const swigluOp: Op = {
  name: 'swiglu',
  cost: (call) => {
    const n = call.outputs[0]!.size;
    return cost(call, { additions: n, multiplications: 2 * n, special: n });
  },
  reference({ inputs: [x], outputs: [y] }, data) {
    swigluReference(data(x!), widthOf(y!), data(y!));
  },
  cpu({ inputs: [x], outputs: [y] }) {
    return [{ kernel: 'swigluForward', args: [x, y, rowsOf(y!), widthOf(y!)] }];
  },
  webgpu: ({ inputs: [x], outputs: [y] }) => [swigluForward(x!, y!)],
  backward({ inputs: [x], outputs: [y] }, gradients) {
    const outputs = [{ name: 'dx', shape: x!.shape }];
    const [dx] = emit(swigluBackwardOp, { inputs: [x, gradients.of(y!)], outputs, attributes: undefined });
    if (gradients.wants(x)) gradients.add(x, dx!);
  },
};

export const swigluBackwardOp: Op = {
  name: 'swigluBackward',
  inPlace: [[0, 0]],
  cost: (call) => {
    const n = call.inputs[1]!.size;
    return cost(call, { additions: 3 * n, multiplications: 5 * n, special: n });
  },
  reference({ inputs: [x, dy], outputs: [dx] }, data) {
    swigluBackwardReference(data(x!), widthOf(dy!), data(dy!), data(dx!));
  },
  cpu({ inputs: [x, dy], outputs: [dx] }) {
    return [{ kernel: 'swigluBackward', args: [x, dy, dx, rowsOf(dy!), widthOf(dy!)] }];
  },
  webgpu: ({ inputs: [x, dy], outputs: [dx] }) => [swigluBackward(x!, dy!, dx!)],
};
