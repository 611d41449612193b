import type { SampleSettings } from '../ops/sample/sample.ts';
import type { WantedLogits } from './steps.ts';

/**
 * The whole memory of one sequence, of fixed size: each layer's recurrent state, one after the other, or, of models
 * that attend, the tokens so far. Plain numbers, free to copy.
 */
export type SequenceState = Float32Array;

/** Running a model over tokens, as sessions, the front door and the server know it. */
export interface SequenceReader {
  newState(): SequenceState;
  run(
    tokens: readonly number[],
    state: SequenceState,
    wanted: WantedLogits,
    signal?: AbortSignal,
  ): Promise<Float32Array>;
  /**
   * Samples on the device what follows the tokens, from the beginning of a sequence, batch after batch without end.
   * Absent, or undefined: it cannot, or is doing it for somebody else; then use `run`.
   * @param random in [0, 1), called for each token to be sampled
   * @throws InputError at the first batch, for an empty list or an id outside the vocabulary, or a damaged logit; the
   * signal's reason if it is aborted
   */
  sampled?(
    tokens: readonly number[],
    settings: SampleSettings,
    random: () => number,
    signal?: AbortSignal,
  ): AsyncGenerator<Int32Array, never> | undefined;
}
