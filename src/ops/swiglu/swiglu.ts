import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { widthOf, withWidth } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { swigluBackwardReference, swigluReference } from './reference.ts';

/** The gated unit of the channel mixer: x [.., 2·width] holds [g, u] in each row; SiLU(g) ⊙ u [.., width]. */
export function swiglu(x: Tensor): Tensor {
  if (widthOf(x) % 2) throw new Error(`swiglu: expected an even width, found ${x}`);
  return emit(swigluOp, { x }).y;
}

export const swigluOp: Op<Tensors<'x'>, Tensors<'y'>> = {
  name: 'swiglu',
  outputs: ({ x }) => ({ y: { shape: withWidth(x.shape, widthOf(x) / 2) } }),
  cost: (call) => {
    const n = call.outputs.y.size;
    return cost(call, { additions: n, multiplications: 2 * n, special: n });
  },
  reference({ inputs: { x }, outputs: { y } }, data) {
    swigluReference(data(x), widthOf(y), data(y));
  },
  backward({ inputs: { x }, outputs: { y } }, gradients) {
    const { dx } = emit(swigluBackwardOp, { x, dy: gradients.required(y) });
    if (gradients.wants(x)) gradients.add(x, dx);
  },
};

export const swigluBackwardOp: Op<Tensors<'x' | 'dy'>, Tensors<'dx'>> = {
  name: 'swigluBackward',
  inPlace: { dx: 'x' },
  outputs: ({ x }) => ({ dx: { shape: x.shape } }),
  cost: (call) => {
    const n = call.inputs.dy.size;
    return cost(call, { additions: 3 * n, multiplications: 5 * n, special: n });
  },
  reference({ inputs: { x, dy }, outputs: { dx } }, data) {
    swigluBackwardReference(data(x), widthOf(dy), data(dy), data(dx));
  },
};
