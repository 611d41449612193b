/** How a generation runs: alone on the model's reader, or in a batch as soon as there are several. */
import { OutOfMemoryError } from '../engine/engine.ts';
import type { SequenceModel } from '../generate/generate.ts';
import type { RunnableModel } from '../run/model.ts';
import { slotModel } from '../run/readers.ts';
import type { SequenceReader } from '../run/sequenceReader.ts';
import { Batch } from './batch.ts';

/** Of a batch; further sequences run beside it, one after the other. */
const sizes = { slots: 32, maxTokens: 256 };
/** A GPU has done with few sequences long before it is busy; a recurrent model's states take little memory. */
const manySizes = { slots: 256, maxTokens: 512 };

export class Generations {
  readonly #model: RunnableModel;
  readonly #reader: SequenceReader;
  readonly #checkOpen: () => void;
  #active = 0;
  #batch: Batch | undefined;
  /** There is no memory for several sequences at once: they run one after the other. */
  #hasNoRoom = false;

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
    let logits: Float32Array | undefined;
    const joined = async () => {
      this.#checkOpen();
      if (this.#active > 1) slot ??= await this.#openBatch()?.join(state);
      return slot;
    };
    const model: SequenceModel = {
      append: async (tokens, signal) => {
        const own = await joined();
        if (own !== undefined) return this.#batch!.append(own, tokens, signal);
        logits ??= new Float32Array(this.#model.vocabulary);
        return reader.run(tokens, state, 'last', signal, logits);
      },
      sampled: (...from) => (this.#active > 1 ? undefined : reader.sampled?.(...from)),
    };
    if (this.#model.engine.samplesRows)
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

  #openBatch(): Batch | undefined {
    if (this.#batch || this.#hasNoRoom) return this.#batch;
    const { engine, architecture, vocabulary } = this.#model;
    const isMany = engine.samplesAhead > 0 && architecture.memory === 'states';
    try {
      this.#batch = new Batch(slotModel(this.#model, isMany ? manySizes : sizes), vocabulary);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
      this.#hasNoRoom = true; // the sequences that run already continue
    }
    return this.#batch;
  }
}
