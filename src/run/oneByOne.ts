/**
 * Many sequences, one after the other: what serves models of a kind that cannot be batched, and the loop that
 * batching is measured against.
 */
import type { SlotModel, SlotTokens } from './batchedInference.ts';
import type { Inference, SequenceState } from './inference.ts';

export class OneByOne implements SlotModel {
  readonly slots: number;
  readonly mostTokens: number;
  readonly batched = false;
  readonly #inference: Pick<Inference, 'run' | 'newState'>;
  readonly #states: SequenceState[];

  constructor(
    inference: Pick<Inference, 'run' | 'newState'>,
    { slots, mostTokens }: { readonly slots: number; readonly mostTokens: number },
  ) {
    this.slots = slots;
    this.mostTokens = mostTokens;
    this.#inference = inference;
    this.#states = Array.from({ length: slots }, () => inference.newState());
  }

  async step(parts: readonly SlotTokens[]): Promise<Float32Array[]> {
    const logits: Float32Array[] = [];
    for (const { slot, tokens, wanted } of parts)
      logits.push(await this.#inference.run(tokens, this.#states[slot]!, wanted));
    return logits;
  }

  async load(slot: number, state?: SequenceState): Promise<void> {
    this.#states[slot] = state?.slice() ?? this.#inference.newState();
  }

  async save(slot: number): Promise<SequenceState> {
    return this.#states[slot]!.slice();
  }
}
