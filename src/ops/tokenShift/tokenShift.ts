import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, sequenceSizes, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { type Sequences, slotOperands } from '../sequences.ts';
import { tokenShiftBackwardReference, tokenShiftReference, tokenShiftSlotsReference } from './reference.ts';

export interface TokenShiftOptions {
  readonly layout: Sequences;
  /** The tokens before the first ones. Required for slots; without them each sequence of a batch follows zeros. */
  readonly before: Tensor | undefined;
}

/**
 * RWKV's token shift (Peng et al. 2023, arXiv 2305.13048, section 3.1.1): each token of x mixed with the one before it,
 * element by element; `mix` [width] is the share of the later one. For a batch, x is [batch, length, width] and `before`
 * is [batch, 1, width]; for slots they are [1, rows, width] and [count, 1, width]. Returns a tensor shaped like x. The
 * slot form is for inference only.
 */
export function tokenShift(x: Tensor, mix: Tensor, { layout, before }: TokenShiftOptions): Tensor {
  const width = widthOf(x);
  expectShape('tokenShift', 'mix', mix, [width]);
  if (layout.kind === 'slots') {
    const [slots, tokens] = slotOperands('tokenShift', x, layout, before, [1, width]);
    return emit(tokenShiftSlotsOp, { x, mix, slots, before: tokens }).y;
  }
  const { batch } = sequenceSizes('tokenShift', x);
  if (before) expectShape('tokenShift', 'before', before, [batch, 1, width]);
  return emit(tokenShiftOp, { x, mix, before }).y;
}

export const tokenShiftOp: Op<Tensors<'x' | 'mix', 'before'>, Tensors<'y'>> = {
  name: 'tokenShift',
  outputs: ({ x }) => ({ y: { shape: x.shape } }),
  cost: (call) => cost(call, mixCosts(call.inputs.x)),
  reference({ inputs: { x, mix, before }, outputs: { y } }, data) {
    const inputs = { x: data(x), mix: data(mix), before: before && data(before) };
    tokenShiftReference(inputs, sequenceSizes('tokenShift', x), data(y));
  },
  backward({ inputs, outputs: { y } }, gradients) {
    const { x, mix, before } = inputs;
    const { dx, dMix, dBefore } = emit(tokenShiftBackwardOp, {
      ...{ ...inputs, dy: gradients.required(y) },
      ...{ dxBefore: gradients.of(x), dMixBefore: gradients.of(mix) },
    });
    if (gradients.wants(x)) gradients.set(x, dx);
    if (gradients.wants(mix)) gradients.set(mix, dMix);
    if (gradients.wants(before)) gradients.add(before, dBefore);
  },
};

/** The slot form: see `Sequences`. */
export const tokenShiftSlotsOp: Op<Tensors<'x' | 'mix' | 'slots' | 'before'>, Tensors<'y'>> = {
  name: 'tokenShiftSlots',
  outputs: ({ x }) => ({ y: { shape: x.shape } }),
  // Reads at most one earlier token for each token.
  cost: (call) => {
    const { x, mix, slots } = call.inputs;
    return cost(call, mixCosts(x), 2 * x.bytes + mix.bytes + slots.bytes);
  },
  reference({ inputs: { x, mix, slots, before }, outputs: { y } }, data) {
    const inputs = { x: data(x), mix: data(mix), slots: data(slots), before: data(before) };
    tokenShiftSlotsReference(inputs, widthOf(x), data(y));
  },
};

/** x_{t−1} + μ·(x_t − x_{t−1}) */
function mixCosts({ size }: Tensor) {
  return { additions: 2 * size, multiplications: size };
}

export const tokenShiftBackwardOp: Op<
  Tensors<'x' | 'mix' | 'dy', 'before' | 'dxBefore' | 'dMixBefore'>,
  Tensors<'dx' | 'dMix' | 'dBefore'>
> = {
  name: 'tokenShiftBackward',
  inPlace: { dx: 'dxBefore', dMix: 'dMixBefore' },
  outputs: ({ x, mix }) => {
    const { batch, width } = sequenceSizes('tokenShiftBackward', x);
    return { dx: { shape: x.shape }, dMix: { shape: mix.shape }, dBefore: { shape: [batch, 1, width] } };
  },
  cost: (call) => {
    const n = call.inputs.x.size;
    return cost(call, { additions: 5 * n, multiplications: 3 * n });
  },
  reference({ inputs, outputs: { dx, dMix, dBefore } }, data) {
    const { x, mix, before, dy, dxBefore, dMixBefore } = inputs;
    tokenShiftBackwardReference(
      { x: data(x), mix: data(mix), before: before && data(before) },
      sequenceSizes('tokenShiftBackward', x),
      data(dy),
      { dx: startSum(data, dx, dxBefore), dMix: startSum(data, dMix, dMixBefore), dBefore: data(dBefore) },
    );
  },
};
