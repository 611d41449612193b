/**
 * The state of a sequence of a model that attends: its tokens, from which keys and values can be computed again. As
 * numbers: the count of tokens, then room for as many ids as the context length.
 */
import { InputError } from '../errors.ts';
import type { SequenceState } from './sequenceReader.ts';
import { checkTokens } from './steps.ts';

/** The state with these tokens, by default none. */
export function stateOfTokens(contextLength: number, tokens: readonly number[] = []): SequenceState {
  const state = new Float32Array(1 + contextLength);
  state[0] = tokens.length;
  state.set(tokens, 1);
  return state;
}

/** @throws InputError for a state of another model, or an id outside the vocabulary */
export function tokensOfState(state: SequenceState, contextLength: number, vocabulary: number): number[] {
  const [count = Number.NaN] = state;
  const isCount = Number.isInteger(count) && count >= 0 && count < state.length;
  if (state.length !== 1 + contextLength || !isCount) {
    throw new InputError(
      `state: found ${state.length} numbers for ${count} tokens, expected ${1 + contextLength} numbers`,
    );
  }
  const tokens = [...state.subarray(1, 1 + count)];
  checkTokens(tokens, vocabulary);
  return tokens;
}

/** @throws InputError for more tokens than the context length */
export function checkContext(tokens: number, contextLength: number): void {
  if (tokens <= contextLength) return;
  throw new InputError(
    `found a sequence of ${tokens} tokens, expected at most ${contextLength}, the context length of ` +
      'this model (max_position_embeddings); start a new sequence',
  );
}
