/** Sampling where the logits are, so that a token's four bytes are all that the host has to wait for. */
import { cost, type Op } from '../../program/op.ts';
import { assign, emit } from '../../program/record.ts';
import { input, type Tensor, variable } from '../../program/tensor.ts';
import { expectShape } from '../shapes.ts';
import { sampleToken } from './kernel.wgsl.ts';
import { type SampleSettings, sampleReference } from './reference.ts';

export type { SampleSettings } from './reference.ts';

/** What a sampling program keeps from token to token. */
export interface SampleState {
  /** Of [5] f32: see `settingsOf`. */
  readonly settings: Tensor;
  /** Random numbers in [0, 1), one for each token to come [ahead]. */
  readonly uniforms: Tensor;
  /** How many of them are used up [1] i32. */
  readonly turn: Tensor;
  /** Not 0 for tokens that occurred [vocabulary] i32. */
  readonly seen: Tensor;
  /** The tokens drawn, one for each turn [ahead] i32. */
  readonly tokens: Tensor;
  /** The token drawn last, which is to be read next [1, 1] i32. */
  readonly next: Tensor;
}

export function sampleState(vocabulary: number, ahead: number): SampleState {
  return {
    settings: input('sampling', [5]),
    uniforms: input('uniforms', [ahead]),
    turn: variable('turn', [1], 'i32'),
    seen: variable('seen', [vocabulary], 'i32'),
    tokens: variable('tokens', [ahead], 'i32'),
    next: variable('next token', [1, 1], 'i32'),
  };
}

export function settingsOf(settings: SampleSettings): Float32Array {
  const { temperature, topK, topP, minP, repetitionPenalty } = settings;
  return Float32Array.of(temperature, topK, topP, minP, repetitionPenalty);
}

/** Draws a token from logits [.., vocabulary] of one row; see `sampleReference`. It is in `tokens` and in `next` then. */
export function sample(logits: Tensor, state: SampleState): void {
  expectShape('sample', 'seen', state.seen, [logits.size]);
  const { settings, uniforms, turn, seen, tokens, next } = state;
  const outputs = emit(sampleOp, {
    inputs: [logits, settings, uniforms, turn, seen, tokens],
    outputs: [turn, seen, tokens, next].map(({ name, shape, dtype }) => ({ name, shape, dtype })),
    attributes: undefined,
  });
  [turn, seen, tokens, next].forEach((target, i) => {
    assign(target, outputs[i]!);
  });
}

export const sampleOp: Op = {
  name: 'sample',
  cost: (call) => cost(call, { additions: 2 * call.inputs[0]!.size, special: call.inputs[0]!.size }),
  reference({ inputs: [logits, settings, uniforms, turn, seen, tokens], outputs }, data) {
    const [temperature, topK, topP, minP, repetitionPenalty] = data(settings!) as unknown as [
      ...[number, number, number, number, number],
    ];
    const at = data(turn!)[0]!;
    const chosen = { temperature, topK, topP, minP, repetitionPenalty };
    const token = sampleReference(data(logits!), data(seen!), chosen, data(uniforms!)[at]!);
    const [turnAfter, seenAfter, tokensAfter, next] = outputs.map(data);
    turnAfter![0] = at + 1;
    seenAfter!.set(data(seen!));
    tokensAfter!.set(data(tokens!));
    next![0] = token;
    tokensAfter![at] = token;
    if (token >= 0) seenAfter![token] = 1;
  },
  cpu(): never {
    throw new Error('sample: on the CPU the host samples, which has the logits at hand');
  },
  webgpu({ inputs: [logits, settings, uniforms, turn, seen, tokens], outputs }) {
    const [turnAfter, seenAfter, tokensAfter, next] = outputs;
    const given = { logits, settings, uniforms, turn, seen, tokens, turnAfter, seenAfter, tokensAfter, next };
    return [sampleToken(given as Record<keyof typeof given, Tensor>)];
  },
};
