import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { sequenceSizes } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { Sequences } from '../sequences.ts';
import { lastTokenReference } from './reference.ts';

export interface LastTokenOptions {
  readonly layout: Sequences;
  /** For slots: the table [count, 1, width] in which the rows of the named slots are replaced. */
  readonly before?: Tensor | undefined;
}

/**
 * The last token of each sequence. For a batch: [batch, length, width] → [batch, 1, width]. For slots: [1, rows, width]
 * → `before` [count, 1, width] with the rows of those slots that have tokens in x replaced by the last of these. For
 * inference only.
 */
export function lastToken(x: Tensor, { layout }: LastTokenOptions): Tensor {
  if (layout.kind === 'slots') throw new Error('lastToken: slots are not supported yet');
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
