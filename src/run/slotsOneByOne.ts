/**
 * Advances many sequences one after the other: for models that cannot be batched, and as the baseline that batching is
 * measured against.
 */
import type { SequenceReader, SequenceState } from './sequenceReader.ts';
import type { BatchSizes, PartResult, SlotModel, SlotTokens } from './slotModel.ts';

export class SlotsOneByOne implements SlotModel {
  readonly slots: number;
  readonly maxTokens: number;
  readonly batched = false;
  readonly draws = false;
  readonly #reader: SequenceReader;
  readonly #states: SequenceState[];

  constructor(reader: SequenceReader, { slots, maxTokens }: BatchSizes) {
    this.slots = slots;
    this.maxTokens = maxTokens;
    this.#reader = reader;
    this.#states = Array.from({ length: slots }, () => reader.newState());
  }

  async step(parts: readonly SlotTokens[]): Promise<PartResult[]> {
    const results: PartResult[] = [];
    for (const { slot, tokens, wanted } of parts) {
      if (typeof wanted === 'object') throw new Error('found a token to draw; this model gives logits only');
      results.push({ logits: await this.#reader.run(tokens, this.#state(slot), wanted), token: undefined });
    }
    return results;
  }

  async load(slot: number, state?: SequenceState): Promise<void> {
    this.#states[slot] = state?.slice() ?? this.#reader.newState();
  }

  async save(slot: number): Promise<SequenceState> {
    return this.#state(slot).slice();
  }

  #state(slot: number): SequenceState {
    const state = this.#states[slot];
    if (!state) throw new RangeError(`slot: found ${slot}, expected an integer from 0 to ${this.slots - 1}`);
    return state;
  }
}
