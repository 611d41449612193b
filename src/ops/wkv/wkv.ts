import { cost, type Op, type Tensors } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import { expectShape, sequenceSizes, widthOf } from '../../program/shapes.ts';
import type { Shape, Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { type Sequences, slotOperands } from '../sequences.ts';
import { wkvBackwardReference, wkvReference, wkvSlotsReference } from './reference.ts';

/** Rows of a state: the sum of values, the sum of weights, the maximum of their exponents. */
export const stateRows = 3;

export interface WkvOptions {
  /** [width] */
  readonly decay: Tensor;
  /** [width] */
  readonly bonus: Tensor;
  readonly layout: Sequences;
  /**
   * The states before the first tokens: both sums and the largest exponent, by which they are scaled. Weights of zero
   * mean that no token has been seen. Required for slots; without states no sequence of a batch has seen a token.
   */
  readonly state: Tensor | undefined;
}

/**
 * The WKV recurrence of RWKV-4 (Peng et al. 2023, arXiv 2305.13048, sections 3.1.2 and D). In each column it is a mean of
 * the values so far, weighted by e^k; older ones decay by e^(−e^decay) a token, and the latest has a further factor
 * e^bonus. For a batch, k and v are [batch, length, width] and `state` is [batch, 3 · width]; for slots they are [1, rows,
 * width] and `state` is [count, 3 · width]. Returns y, shaped like v, and `next`, the states after the last tokens, in
 * the shape of `state`. The slot form is for inference only.
 */
export function wkv(
  k: Tensor,
  v: Tensor,
  { decay, bonus, layout, state }: WkvOptions,
): { y: Tensor; next: Tensor } {
  const width = widthOf(k);
  expectShape('wkv', 'v', v, k.shape);
  expectShape('wkv', 'decay', decay, [width]);
  expectShape('wkv', 'bonus', bonus, [width]);
  if (layout.kind === 'slots') {
    const [slots, states] = slotOperands('wkv', k, layout, state, [stateRows * width]);
    return emit(wkvSlotsOp, { k, v, decay, bonus, slots, states });
  }
  if (state) expectShape('wkv', 'state', state, stateShape(k));
  if (sequenceSizes('wkv', k).length < 1) throw new Error(`wkv: expected at least one token, found ${k}`);
  const { y, last } = emit(wkvOp, { k, v, decay, bonus, start: state });
  return { y, next: last };
}

export const wkvOp: Op<Tensors<'k' | 'v' | 'decay' | 'bonus', 'start'>, Tensors<'y' | 'last'>> = {
  name: 'wkv',
  inPlace: { y: 'v', last: 'start' },
  outputs: ({ k }) => ({ y: { shape: k.shape }, last: { shape: stateShape(k) } }),
  cost: (call) => cost(call, stepCosts(call.inputs)),
  reference({ inputs: { k, v, decay, bonus, start }, outputs: { y, last } }, data) {
    const inputs = { k: data(k), v: data(v), decay: data(decay), bonus: data(bonus) };
    wkvReference({ ...inputs, start: start && data(start) }, sequenceSizes('wkv', k), data(y), data(last));
  },
  backward({ inputs, outputs: { y, last } }, gradients) {
    const { k, v, decay, bonus, start } = inputs;
    const { dk, dv, dDecay, dBonus, dStart } = emit(wkvBackwardOp, {
      ...{ ...inputs, dy: gradients.of(y), dLast: gradients.of(last) },
      ...{ dDecayBefore: gradients.of(decay), dBonusBefore: gradients.of(bonus) },
    });
    if (gradients.wants(k)) gradients.add(k, dk);
    if (gradients.wants(v)) gradients.add(v, dv);
    if (gradients.wants(decay)) gradients.set(decay, dDecay);
    if (gradients.wants(bonus)) gradients.set(bonus, dBonus);
    if (gradients.wants(start)) gradients.add(start, dStart);
  },
};

/** The slot form: see `Sequences`. */
export const wkvSlotsOp: Op<
  Tensors<'k' | 'v' | 'decay' | 'bonus' | 'slots' | 'states'>,
  Tensors<'y' | 'next'>
> = {
  name: 'wkvSlots',
  inPlace: { y: 'v', next: 'states' },
  outputs: ({ k, states }) => ({ y: { shape: k.shape }, next: { shape: states.shape } }),
  // Reads and writes at most one state for each token.
  cost: (call) => {
    const { k, v, decay, bonus, slots } = call.inputs;
    const states = stateRows * k.bytes;
    const bytesRead = k.bytes + v.bytes + decay.bytes + bonus.bytes + slots.bytes + states;
    return { ...cost(call, stepCosts(call.inputs), bytesRead), bytesWritten: k.bytes + states };
  },
  reference({ inputs: { k, v, decay, bonus, slots, states }, outputs: { y, next } }, data) {
    const inputs = { k: data(k), v: data(v), decay: data(decay), bonus: data(bonus), slots: data(slots) };
    data(next).set(data(states));
    wkvSlotsReference(inputs, widthOf(k), data(next), data(y));
  },
};

/** For y and for the next state: the difference of two exponents, its exponential, both sums; y divides them. */
function stepCosts({ k, decay }: { readonly k: Tensor; readonly decay: Tensor }) {
  return { additions: 8 * k.size, multiplications: 6 * k.size, special: 3 * k.size + decay.size };
}

export const wkvBackwardOp: Op<
  Tensors<'k' | 'v' | 'decay' | 'bonus', 'start' | 'dy' | 'dLast' | 'dDecayBefore' | 'dBonusBefore'>,
  Tensors<'dk' | 'dv' | 'dDecay' | 'dBonus' | 'dStart'>
> = {
  name: 'wkvBackward',
  inPlace: { dk: 'k', dv: 'v', dDecay: 'dDecayBefore', dBonus: 'dBonusBefore' },
  outputs: ({ k, decay, bonus }) => ({
    ...{ dk: { shape: k.shape }, dv: { shape: k.shape } },
    ...{ dDecay: { shape: decay.shape }, dBonus: { shape: bonus.shape }, dStart: { shape: stateShape(k) } },
  }),
  // Recomputes the states, then both exponentials and the quotient of y.
  cost: (call) => {
    const { k, decay } = call.inputs;
    const n = k.size;
    return cost(call, { additions: 21 * n, multiplications: 22 * n, special: 5 * n + decay.size });
  },
  reference({ inputs, outputs: { dk, dv, dDecay, dBonus, dStart } }, data) {
    const { k, v, decay, bonus, start, dy, dLast, dDecayBefore, dBonusBefore } = inputs;
    const forward = { k: data(k), v: data(v), decay: data(decay), bonus: data(bonus) };
    const sums = {
      dDecay: startSum(data, dDecay, dDecayBefore),
      dBonus: startSum(data, dBonus, dBonusBefore),
    };
    wkvBackwardReference(
      { ...forward, start: start && data(start) },
      sequenceSizes('wkvBackward', k),
      { dy: dy && data(dy), dLast: dLast && data(dLast) },
      { dk: data(dk), dv: data(dv), ...sums, dStart: data(dStart) },
    );
  },
};

function stateShape(k: Tensor): Shape {
  const { batch, width } = sequenceSizes('wkv', k);
  return [batch, stateRows * width];
}

/** Shape of the states before each token and after the last one, which the backward kernels store. */
export function keptStates(k: Tensor): Shape {
  const { batch, length, width } = sequenceSizes('wkv', k);
  return [batch, length + 1, stateRows * width];
}
