/** Samples where the logits are, so that the host waits for only four bytes a token. */
import { cost, type Data, type Op, type Tensors } from '../../program/op.ts';
import { assign, emit } from '../../program/record.ts';
import { expectShape, rowsOf, widthOf } from '../../program/shapes.ts';
import { input, type Tensor, variable } from '../../program/tensor.ts';
import { type SampleSettings, sampleReference } from './reference.ts';

export type { SampleSettings } from './reference.ts';

/** Variables of a sampling program: a row for each sequence, kept from token to token. */
export interface SampleState {
  /** [rows, 5] f32: see `settingsOf`. */
  readonly settings: Tensor;
  /** Random numbers in [0, 1), one for each future token [rows, ahead]. */
  readonly uniforms: Tensor;
  /** Which of them comes next; after the last, the first [rows] i32. */
  readonly turn: Tensor;
  /** A bit for each token, bit t mod 32 of word t / 32: those that have occurred [rows, ⌈vocabulary / 32⌉] i32. */
  readonly seen: Tensor;
  /** A bit for each token: those whose bit is 0 are never drawn [rows, ⌈vocabulary / 32⌉] i32. */
  readonly allowed: Tensor;
  /** The tokens drawn, one for each run [rows, ahead] i32. */
  readonly tokens: Tensor;
  /** The token drawn last, which is read next [1, rows] i32. */
  readonly next: Tensor;
  /** Its position in the sequence [rows] i32, which each draw raises by one; for models that attend. */
  readonly position: Tensor;
}

export function sampleState(vocabulary: number, ahead: number, rows = 1): SampleState {
  const words = wordsOf(vocabulary);
  return {
    settings: input('sampling', [rows, 5]),
    uniforms: input('uniforms', [rows, ahead]),
    turn: variable('turn', [rows], 'i32'),
    seen: variable('seen', [rows, words], 'i32'),
    allowed: input('allowed tokens', [rows, words], 'i32'),
    tokens: variable('tokens', [rows, ahead], 'i32'),
    next: variable('next token', [1, rows], 'i32'),
    position: variable('position', [rows], 'i32'),
  };
}

/** Words of 32 bits, a bit for each token. */
export function wordsOf(vocabulary: number): number {
  return Math.ceil(vocabulary / 32);
}

/** A row of settings. */
export function settingsOf(settings: SampleSettings): Float32Array {
  const { temperature, topK, topP, minP, repetitionPenalty } = settings;
  return Float32Array.of(temperature, topK, topP, minP, repetitionPenalty);
}

function settingsIn(row: Data): SampleSettings {
  const [temperature, topK, topP, minP, repetitionPenalty] = [...row] as [
    ...[number, number, number, number, number],
  ];
  return { temperature, topK, topP, minP, repetitionPenalty };
}

/** Draws a token of each row of logits [.., vocabulary] into `tokens` and `next`; see `sampleReference`. */
export function sample(logits: Tensor, state: SampleState): void {
  const { settings, uniforms, turn, seen, allowed, tokens, next, position } = state;
  const [rows, words] = [rowsOf(logits), wordsOf(widthOf(logits))];
  expectShape('sample', 'settings', settings, [rows, 5]);
  expectShape('sample', 'seen', seen, [rows, words]);
  expectShape('sample', 'allowed', allowed, [rows, words]);
  const after = emit(sampleOp, { logits, settings, uniforms, turn, seen, allowed, tokens, position });
  assign(turn, after.turnAfter);
  assign(seen, after.seenAfter);
  assign(tokens, after.tokensAfter);
  assign(next, after.next);
  assign(position, after.positionAfter);
}

export const sampleOp: Op<
  Tensors<'logits' | 'settings' | 'uniforms' | 'turn' | 'seen' | 'allowed' | 'tokens' | 'position'>,
  Tensors<'turnAfter' | 'seenAfter' | 'tokensAfter' | 'next' | 'positionAfter'>
> = {
  name: 'sample',
  outputs: ({ turn, seen, tokens, position }) => ({
    turnAfter: { shape: turn.shape, dtype: turn.dtype },
    seenAfter: { shape: seen.shape, dtype: seen.dtype },
    tokensAfter: { shape: tokens.shape, dtype: tokens.dtype },
    next: { shape: [1, turn.size], dtype: 'i32' },
    positionAfter: { shape: position.shape, dtype: position.dtype },
  }),
  cost: (call) => {
    const { size } = call.inputs.logits;
    return cost(call, { additions: 2 * size, special: size });
  },
  reference({ inputs, outputs }, data) {
    const ahead = widthOf(inputs.uniforms);
    const seenAfter = data(outputs.seenAfter);
    const tokensAfter = data(outputs.tokensAfter);
    seenAfter.set(data(inputs.seen));
    tokensAfter.set(data(inputs.tokens));
    for (let row = 0; row < inputs.turn.size; row++) {
      const rowOf = (tensor: Tensor) =>
        data(tensor).subarray(row * widthOf(tensor), (row + 1) * widthOf(tensor));
      const at = data(inputs.turn)[row]!;
      const token = sampleReference(
        ...([rowOf(inputs.logits), rowOf(inputs.seen), rowOf(inputs.allowed)] as const),
        ...([settingsIn(rowOf(inputs.settings)), rowOf(inputs.uniforms)[at]!] as const),
      );
      data(outputs.turnAfter)[row] = (at + 1) % ahead;
      data(outputs.positionAfter)[row] = data(inputs.position)[row]! + 1;
      data(outputs.next)[row] = Math.max(token, 0); // what is read next must have a row in the embedding
      tokensAfter[row * ahead + at] = token;
      if (token >= 0) rowOf(outputs.seenAfter)[token >> 5]! |= 1 << (token & 31);
    }
  },
};
