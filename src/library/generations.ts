/** How a generation runs: alone on the model's reader, or in a batch as soon as there are several. */
import type { SequenceModel } from '../generate/generate.ts';
import type { RunnableModel } from '../run/model.ts';
import { slotModel } from '../run/readers.ts';
import type { SequenceReader } from '../run/sequenceReader.ts';
import { Batch } from './batch.ts';

/** Sequences in a batch; others run beside it, one after the other. */
const slots = 32;
/** Tokens that a step of the batch reads at most. */
const maxTokens = 256;

export class Generations {
  readonly #model: RunnableModel;
  readonly #reader: SequenceReader;
  readonly #checkOpen: () => void;
  #active = 0;
  #batch: Batch | undefined;

  constructor(model: RunnableModel, reader: SequenceReader, checkOpen: () => void) {
    this.#model = model;
    this.#reader = reader;
    this.#checkOpen = checkOpen;
  }

  /** Calls `use` with a model for a new sequence. */
  async *run(use: (model: SequenceModel) => AsyncGenerator<string>): AsyncGenerator<string> {
    this.#checkOpen();
    const reader = this.#reader;
    const state = reader.newState();
    let slot: number | undefined;
    const joined = async () => {
      this.#checkOpen();
      if (this.#active > 1) slot ??= await this.#openBatch().join(state);
      return slot;
    };
    const model: SequenceModel = {
      append: async (tokens, signal) => {
        const own = await joined();
        if (own !== undefined) return this.#batch!.append(own, tokens, signal);
        return reader.run(tokens, state, 'last', signal);
      },
      sampled: (...from) => (this.#active > 1 ? undefined : reader.sampled?.(...from)),
    };
    if (this.#model.engine.samplesAhead > 0)
      model.draw = async (tokens, how, signal) => {
        const own = await joined();
        return own === undefined ? undefined : this.#batch!.draw(own, tokens, how(), signal);
      };
    this.#active += 1;
    try {
      yield* use(model);
    } finally {
      this.#active -= 1;
      if (slot !== undefined) this.#batch!.leave(slot);
    }
  }

  #openBatch(): Batch {
    this.#batch ??= new Batch(slotModel(this.#model, { slots, maxTokens }));
    return this.#batch;
  }
}
