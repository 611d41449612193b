import { cost, type Op } from '../../program/op.ts';
import { emit } from '../../program/record.ts';
import type { Tensor } from '../../program/tensor.ts';
import { startSum } from '../accumulate.ts';
import { expectShape, sequenceSizes } from '../shapes.ts';
import { wkvBackward, wkvForward } from './kernel.wgsl.ts';
import { wkvBackwardReference, wkvReference } from './reference.ts';

/** Rows of a state: the sum of values, the sum of weights, the maximum of their exponents. */
export const stateRows = 3;

/**
 * The WKV recurrence of RWKV-4 (Peng et al. 2023, arXiv 2305.13048, sections 3.1.2 and D): in each
 * column, a mean of the values so far, weighted by e^k, older ones less by e^(−e^decay) a token, the latest one by a
 * further e^bonus. k and v are [batch, length, width], decay and bonus [width]. `start` [batch, 3 · width] is the
 * state before the first token, both sums and the largest exponent, by which they are scaled; absent, or with
 * weights of zero: no token yet. Returns y [batch, length, width] and the state after the last token.
 */
export function wkv(
  k: Tensor,
  v: Tensor,
  decay: Tensor,
  bonus: Tensor,
  start: Tensor | undefined,
): { y: Tensor; last: Tensor } {
  const { batch, length, width } = sequenceSizes('wkv', k);
  expectShape('wkv', 'v', v, k.shape);
  expectShape('wkv', 'decay', decay, [width]);
  expectShape('wkv', 'bonus', bonus, [width]);
  if (start) expectShape('wkv', 'start', start, [batch, stateRows * width]);
  if (length < 1) throw new Error(`wkv: expected at least one token, found ${k}`);
  const [y, last] = emit(wkvOp, {
    inputs: [k, v, decay, bonus, start],
    outputs: [
      { name: 'y', shape: k.shape },
      { name: 'last', shape: [batch, stateRows * width] },
    ],
    scratch: [{ name: 'rate', shape: [width] }],
    attributes: undefined,
  });
  return { y: y!, last: last! };
}

export const wkvOp: Op = {
  name: 'wkv',
  inPlace: [
    [0, 1],
    [1, 4],
  ],
  // For y and for the next state: the difference of two exponents, its exponential, both sums; y divides them.
  cost: (call) => {
    const [k, , decay] = call.inputs;
    const n = k!.size;
    return cost(call, { additions: 8 * n, multiplications: 6 * n, special: 3 * n + decay!.size });
  },
  reference({ inputs: [k, v, decay, bonus, start], outputs: [y, last] }, data) {
    const inputs = { k: data(k!), v: data(v!), decay: data(decay!), bonus: data(bonus!) };
    wkvReference({ ...inputs, start: start && data(start) }, sequenceSizes('wkv', k!), data(y!), data(last!));
  },
  cpu({ inputs, outputs, scratch }) {
    const dimensions = Object.values(sequenceSizes('wkv', inputs[0]!));
    return [{ kernel: 'wkvForward', args: [...inputs, ...outputs, ...scratch, ...dimensions] }];
  },
  webgpu({ inputs: [k, v, decay, bonus, start], outputs: [y, last] }) {
    return wkvForward({ k: k!, v: v!, decay: decay!, bonus: bonus!, start, y: y!, last: last! });
  },
  backward({ inputs: [k, v, decay, bonus, start], outputs: [y, last] }, gradients) {
    const { batch, length, width } = sequenceSizes('wkv', k!);
    const [dy, dLast] = [gradients.of(y!), gradients.of(last!)];
    const [dk, dv, dDecay, dBonus, dStart] = emit(wkvBackwardOp, {
      inputs: [k, v, decay, bonus, start, dy, dLast, gradients.of(decay!), gradients.of(bonus!)],
      outputs: [
        { name: 'dk', shape: k!.shape },
        { name: 'dv', shape: k!.shape },
        { name: 'dDecay', shape: decay!.shape },
        { name: 'dBonus', shape: bonus!.shape },
        { name: 'dStart', shape: last!.shape },
      ],
      scratch: [
        { name: 'states', shape: [batch, length + 1, stateRows * width] },
        { name: 'rate', shape: decay!.shape },
      ],
      attributes: undefined,
    });
    if (gradients.wants(k)) gradients.add(k, dk!);
    if (gradients.wants(v)) gradients.add(v, dv!);
    if (gradients.wants(decay)) gradients.set(decay, dDecay!);
    if (gradients.wants(bonus)) gradients.set(bonus, dBonus!);
    if (gradients.wants(start)) gradients.add(start, dStart!);
  },
};

const wkvBackwardOp: Op = {
  name: 'wkvBackward',
  inPlace: [
    [0, 0],
    [1, 1],
    [2, 7],
    [3, 8],
  ],
  // The states once more, then both exponentials and the quotient of y again.
  cost: (call) => {
    const [k, , decay] = call.inputs;
    const n = k!.size;
    return cost(call, { additions: 21 * n, multiplications: 22 * n, special: 5 * n + decay!.size });
  },
  reference({ inputs, outputs: [dk, dv, dDecay, dBonus, dStart] }, data) {
    const [k, v, decay, bonus, start, dy, dLast, decayBefore, bonusBefore] = inputs;
    const forward = { k: data(k!), v: data(v!), decay: data(decay!), bonus: data(bonus!) };
    const sums = {
      dDecay: startSum(data, dDecay!, decayBefore),
      dBonus: startSum(data, dBonus!, bonusBefore),
    };
    wkvBackwardReference(
      { ...forward, start: start && data(start) },
      sequenceSizes('wkv', k!),
      { dy: dy && data(dy), dLast: dLast && data(dLast) },
      { dk: data(dk!), dv: data(dv!), ...sums, dStart: data(dStart!) },
    );
  },
  cpu({ inputs, outputs, scratch }) {
    const dimensions = Object.values(sequenceSizes('wkv', inputs[0]!));
    return [{ kernel: 'wkvBackward', args: [...inputs, ...outputs, ...scratch, ...dimensions] }];
  },
  webgpu({ inputs, outputs: [dk, dv, dDecay, dBonus, dStart], scratch: [states] }) {
    const [k, v, decay, bonus, start, dy, dLast, decayBefore, bonusBefore] = inputs;
    const forward = { k: k!, v: v!, decay: decay!, bonus: bonus!, start, states: states! };
    const results = { dk: dk!, dv: dv!, dDecay: dDecay!, dBonus: dBonus!, dStart: dStart! };
    return wkvBackward({ ...forward, dy, dLast, decayBefore, bonusBefore, ...results });
  },
};
