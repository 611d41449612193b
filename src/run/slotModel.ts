import type { Draw } from './drawing.ts';
import type { SequenceState } from './sequenceReader.ts';
import type { WantedLogits } from './steps.ts';

/** Tokens of one sequence, read from the state in its slot; the slot then holds the state after them. */
export interface SlotTokens {
  readonly slot: number;
  /** At least one. */
  readonly tokens: readonly number[];
  /** Logits, or a token drawn from those of the last one, which needs `SlotModel.draws`. */
  readonly wanted: WantedLogits | Draw;
}

/** What a step returns for a part. */
export interface PartResult {
  /** [tokens, vocabulary], [vocabulary] or nothing; valid until the next step. */
  readonly logits: Float32Array;
  /** The token drawn; −1: a logit is NaN or infinite, or none is possible. Undefined: none was asked for. */
  readonly token: number | undefined;
}

/**
 * A model that keeps the states of several sequences, in slots, and advances them step by step. Calls wait for one
 * another.
 */
export interface SlotModel {
  /** Number of slots; they are numbered from 0. */
  readonly slots: number;
  /** Max tokens of one step, over all sequences. */
  readonly maxTokens: number;
  /** Whether a step reads the weights once for all sequences. If not, they advance one after the other. */
  readonly batched: boolean;
  /** Whether it draws tokens itself. */
  readonly draws: boolean;
  /**
   * Reads tokens of different slots. Returns results in the order of the parts.
   * @throws InputError for an id outside the vocabulary, or tokens beyond `maxTokens`
   */
  step(parts: readonly SlotTokens[]): Promise<PartResult[]>;
  /** Puts a state into a slot; by default the state before the first token. */
  load(slot: number, state?: SequenceState): Promise<void>;
  /** Returns a copy of the state in a slot. */
  save(slot: number): Promise<SequenceState>;
}

export interface BatchSizes {
  /** Number of sequences kept at the same time. */
  readonly slots: number;
  /** Max tokens of one step; at least the number of slots, so that all sequences can advance. */
  readonly maxTokens: number;
  /** Models that attend: max bytes of keys and values, over all sequences. Default: 256 MiB. */
  readonly cacheBytes?: number | undefined;
}

/** Rounds up to 1, 2, 3, 4, 6, 8, 12, 16, …: few program sizes, and at most a third of the rows are padding. */
export function bucketOf(rows: number): number {
  const power = 2 ** Math.ceil(Math.log2(rows));
  return rows <= (power / 4) * 3 && power >= 4 ? (power / 4) * 3 : power;
}
