import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { sequenceSizes, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { type Sequences, slotOperands } from '../sequences.ts';
import { lastTokenReference, lastTokenSlotsReference } from './reference.ts';

export interface LastTokenOptions {
  readonly layout: Sequences;
  /** For slots: the table [count, 1, width] whose rows for these slots are replaced. */
  readonly before?: Tensor | undefined;
}

/**
 * The last token of each sequence. For a batch: [batch, length, width] → [batch, 1, width]. For slots: [1, rows, width]
 * → `before` [count, 1, width], in which each slot with tokens in x gets the last of them. For inference only.
 */
export function lastToken(x: Tensor, { layout, before }: LastTokenOptions): Tensor {
  if (layout.kind === 'slots') {
    const [slots, tokens] = slotOperands('lastToken', x, layout, before, [1, widthOf(x)]);
    return emit(lastTokenSlotsOp, { x, slots, before: tokens }).next;
  }
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

/** The slot form: see `Sequences`. */
export const lastTokenSlotsOp: Op<Tensors<'x' | 'slots' | 'before'>, Tensors<'next'>> = {
  name: 'lastTokenSlots',
  inPlace: { next: 'before' },
  outputs: ({ before }) => ({ next: { shape: before.shape } }),
  // Copies each row at most once.
  cost: (call) => {
    const { x, slots } = call.inputs;
    return { ...cost(call, {}, x.bytes + slots.bytes), bytesWritten: x.bytes };
  },
  reference({ inputs: { x, slots, before }, outputs: { next } }, data) {
    data(next).set(data(before));
    lastTokenSlotsReference(data(x), data(slots), widthOf(x), data(next));
  },
};
