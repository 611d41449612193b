/** Samples where the logits are, so that the host waits for only four bytes a token. */
import { cost, type Op, type Tensors } from '../../program/op.ts';
import { assign, emit } from '../../program/record.ts';
import { expectShape } from '../../program/shapes.ts';
import { input, type Tensor, variable } from '../../program/tensor.ts';
import { type SampleSettings, sampleReference } from './reference.ts';

export type { SampleSettings } from './reference.ts';

/** Variables of a sampling program, kept from token to token. */
export interface SampleState {
  /** [5] f32: see `settingsOf`. */
  readonly settings: Tensor;
  /** Random numbers in [0, 1), one for each future token [ahead]. */
  readonly uniforms: Tensor;
  /** How many of them have been used [1] i32. */
  readonly turn: Tensor;
  /** Nonzero for tokens that have occurred [vocabulary] i32. */
  readonly seen: Tensor;
  /** A bit for each token, bit t mod 32 of word t / 32: those whose bit is 0 are never drawn [⌈vocabulary / 32⌉] i32. */
  readonly allowed: Tensor;
  /** The tokens drawn, one for each run [ahead] i32. */
  readonly tokens: Tensor;
  /** The token drawn last, which is read next [1, 1] i32. */
  readonly next: Tensor;
}

export function sampleState(vocabulary: number, ahead: number): SampleState {
  return {
    settings: input('sampling', [5]),
    uniforms: input('uniforms', [ahead]),
    turn: variable('turn', [1], 'i32'),
    seen: variable('seen', [vocabulary], 'i32'),
    allowed: input('allowed tokens', [Math.ceil(vocabulary / 32)], 'i32'),
    tokens: variable('tokens', [ahead], 'i32'),
    next: variable('next token', [1, 1], 'i32'),
  };
}

export function settingsOf(settings: SampleSettings): Float32Array {
  const { temperature, topK, topP, minP, repetitionPenalty } = settings;
  return Float32Array.of(temperature, topK, topP, minP, repetitionPenalty);
}

/** Draws a token from logits [.., vocabulary] of one row into `tokens` and `next`; see `sampleReference`. */
export function sample(logits: Tensor, state: SampleState): void {
  expectShape('sample', 'seen', state.seen, [logits.size]);
  expectShape('sample', 'allowed', state.allowed, [Math.ceil(logits.size / 32)]);
  const { settings, uniforms, turn, seen, allowed, tokens, next } = state;
  const after = emit(sampleOp, { logits, settings, uniforms, turn, seen, allowed, tokens });
  assign(turn, after.turnAfter);
  assign(seen, after.seenAfter);
  assign(tokens, after.tokensAfter);
  assign(next, after.next);
}

export const sampleOp: Op<
  Tensors<'logits' | 'settings' | 'uniforms' | 'turn' | 'seen' | 'allowed' | 'tokens'>,
  Tensors<'turnAfter' | 'seenAfter' | 'tokensAfter' | 'next'>
> = {
  name: 'sample',
  outputs: ({ turn, seen, tokens }) => ({
    turnAfter: { shape: turn.shape, dtype: turn.dtype },
    seenAfter: { shape: seen.shape, dtype: seen.dtype },
    tokensAfter: { shape: tokens.shape, dtype: tokens.dtype },
    next: { shape: [1, 1], dtype: 'i32' },
  }),
  cost: (call) => {
    const { size } = call.inputs.logits;
    return cost(call, { additions: 2 * size, special: size });
  },
  reference({ inputs, outputs }, data) {
    const [temperature, topK, topP, minP, repetitionPenalty] = data(inputs.settings) as unknown as [
      ...[number, number, number, number, number],
    ];
    const [at] = data(inputs.turn) as unknown as [number];
    const uniform = data(inputs.uniforms)[at] ?? Number.NaN;
    const chosen = { temperature, topK, topP, minP, repetitionPenalty };
    const [logits, seen, allowed] = [data(inputs.logits), data(inputs.seen), data(inputs.allowed)];
    const token = sampleReference(logits, seen, allowed, chosen, uniform);
    const [seenAfter, tokensAfter] = [data(outputs.seenAfter), data(outputs.tokensAfter)];
    data(outputs.turnAfter)[0] = at + 1;
    seenAfter.set(seen);
    tokensAfter.set(data(inputs.tokens));
    data(outputs.next)[0] = token;
    tokensAfter[at] = token;
    if (token >= 0) seenAfter[token] = 1;
  },
};
