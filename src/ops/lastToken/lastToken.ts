import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { sequenceSizes } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { lastTokenReference } from './reference.ts';

/** The last token's row of each sequence: [batch, length, width] → [batch, 1, width]. For inference only. */
export function lastToken(x: Tensor): Tensor {
  return emit(lastTokenOp, { x }).y;
}

export const lastTokenOp: Op<Tensors<'x'>, Tensors<'y'>> = {
  name: 'lastToken',
  outputs: ({ x }) => {
    const { batch, width } = sequenceSizes('lastToken', x);
    return { y: { shape: [batch, 1, width] } };
  },
  cost: (call) => cost(call, {}, call.outputs.y.bytes),
  reference({ inputs: { x }, outputs: { y } }, data) {
    const { length, width } = sequenceSizes('lastToken', x);
    lastTokenReference(data(x), length, width, data(y));
  },
};
