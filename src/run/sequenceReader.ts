import type { SampleSettings } from '../ops/sample/sample.ts';
import type { WantedLogits } from './steps.ts';

/**
 * The state of one sequence as plain numbers of fixed size, which callers may copy. For recurrent models, the states of
 * all layers, concatenated; for models that attend, the tokens so far.
 */
export type SequenceState = Float32Array;

/** What the next token that is sampled may be. */
export interface NextTokens {
  /** Tokens that come before it without being sampled. */
  readonly forced: readonly number[];
  /** A bit for each token, bit t mod 32 of word t / 32: those whose bit is 0 are not sampled. */
  readonly allowed: Uint32Array;
}

/** Advances a model over tokens, one sequence at a time. */
export interface SequenceReader {
  /** The state before the first token. */
  newState(): SequenceState;
  /**
   * Reads tokens, updates `state` in place at the end, and returns the wanted logits: [tokens, vocabulary],
   * [vocabulary] or nothing.
   * @param into receives the logits; default: a new array. Who reads token after token reuses one: of large vocabularies,
   *   arrays wait by the tens of megabytes to be collected
   * @throws InputError for an empty list, an id outside the vocabulary or a sequence beyond the context length; the
   * signal's reason if it is aborted. `state` is then unchanged
   */
  run(
    tokens: readonly number[],
    state: SequenceState,
    wanted: WantedLogits,
    signal?: AbortSignal,
    into?: Float32Array,
  ): Promise<Float32Array>;
  /**
   * Samples a continuation of the tokens, from the beginning of a sequence, on the device: yields batches of ids
   * without end. Absent, or returns undefined, if the device cannot sample or is sampling for another caller; then use `run`.
   * @param random in [0, 1), called once per sampled token
   * @param limit if given, called before each token is sampled; batches then have one id
   * @throws at the first batch: InputError for an empty list or an id outside the vocabulary; NumericalError for logits
   * that are not finite; the signal's reason if it is aborted
   */
  sampled?(
    tokens: readonly number[],
    settings: SampleSettings,
    random: () => number,
    signal?: AbortSignal,
    limit?: () => NextTokens,
  ): AsyncGenerator<Int32Array, never> | undefined;
}
