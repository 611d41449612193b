import type { SequenceState } from './sequenceReader.ts';
import type { WantedLogits } from './steps.ts';

/** Tokens of one sequence, read from the state in its slot; the slot then holds the state after them. */
export interface SlotTokens {
  readonly slot: number;
  /** At least one. */
  readonly tokens: readonly number[];
  readonly wanted: WantedLogits;
}

/**
 * A model that keeps the states of several sequences and advances them step by step. What a state consists of is
 * its own business. Calls wait for one another.
 */
export interface SlotModel {
  /** Slots are numbered from 0 to one less. */
  readonly slots: number;
  /** Tokens that one step takes at most, over all sequences. */
  readonly maxTokens: number;
  /** Whether a step reads the weights once for all; if not, sequences advance one after the other. */
  readonly batched: boolean;
  /**
   * Reads tokens of different slots. Logits come in the order of the parts: [tokens, vocabulary], [vocabulary] or
   * nothing, valid until the next step.
   * @throws InputError for an id outside the vocabulary, or tokens beyond `maxTokens`
   */
  step(parts: readonly SlotTokens[]): Promise<Float32Array[]>;
  /** Puts a state into a slot; without one, that before the first token. */
  load(slot: number, state?: SequenceState): Promise<void>;
  /** A copy of the state in a slot. */
  save(slot: number): Promise<SequenceState>;
}

export interface BatchSizes {
  /** Sequences that are kept at the same time. */
  readonly slots: number;
  /** Tokens that one step takes at most; at least as many as slots, so that all can advance. */
  readonly maxTokens: number;
}

/** Programs have 1, 2, 3, 4, 6, 8, 12, 16, … rows: few programs, and at most a third of the rows fill up. */
export function bucketOf(rows: number): number {
  const power = 2 ** Math.ceil(Math.log2(rows));
  return rows <= (power / 4) * 3 && power >= 4 ? (power / 4) * 3 : power;
}
