/**
 * Hidden states of texts, for embeddings. Texts of about the same length share a program [batch, length] and are padded at
 * their ends, which no earlier token sees.
 */
import { bytesOf } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { output, type Program, record } from '../program/record.ts';
import { input, type Tensor } from '../program/tensor.ts';
import { LoadedPrograms } from './loadedPrograms.ts';
import type { RunnableModel } from './model.ts';
import { bucketOf } from './slotModel.ts';
import { checkSomeTokens } from './steps.ts';

/** Max tokens of a text, which one program reads. */
const maxTokens = 8192;

interface HiddenStep {
  readonly program: Program;
  /** [batch, length] i32 */
  readonly ids: Tensor;
  /** [batch, length, hidden] */
  readonly hidden: Tensor;
}

export class Embedder {
  readonly #model: RunnableModel;
  readonly #steps: LoadedPrograms<HiddenStep>;

  constructor(model: RunnableModel) {
    this.#model = model;
    this.#steps = new LoadedPrograms(model.engine);
  }

  /** Max tokens of a text. */
  get maxTokens(): number {
    const { architecture } = this.#model;
    return architecture.memory === 'cache' ? Math.min(maxTokens, architecture.contextLength) : maxTokens;
  }

  /** @throws InputError for a text without tokens or with too many, or an id outside the vocabulary */
  check(texts: readonly (readonly number[])[]): void {
    for (const [index, tokens] of texts.entries()) {
      checkSomeTokens(tokens, this.#model.vocabulary);
      if (tokens.length > this.maxTokens)
        throw new InputError(
          `text ${index}: found ${tokens.length} tokens, expected at most ${this.maxTokens} to embed`,
        );
    }
  }

  /**
   * Calls `use` with the hidden states of each text [tokens, hidden], valid during the call only.
   * @param layer 0: the embedding, k: the output of block k, the last one after the final norm
   * @throws InputError for a text without tokens or with too many, or an id outside the vocabulary; the signal's reason
   */
  async hidden(
    texts: readonly (readonly number[])[],
    layer: number,
    use: (states: Float32Array, text: number) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    this.check(texts);
    const sorted = [...texts.keys()].sort((a, b) => texts[b]!.length - texts[a]!.length);
    for (let start = 0; start < sorted.length; ) {
      signal?.throwIfAborted();
      const length = bucketOf(texts[sorted[start]!]!.length);
      const count = Math.max(1, Math.floor(this.#model.engine.longestStep / length));
      const batch = sorted.slice(start, start + count);
      await this.#model.turns.take(() => this.#read(batch, texts, length, layer, use));
      start += count;
    }
  }

  async #read(
    batch: readonly number[],
    texts: readonly (readonly number[])[],
    length: number,
    layer: number,
    use: (states: Float32Array, text: number) => void,
  ): Promise<void> {
    const { engine } = this.#model;
    const count = bucketOf(batch.length);
    const { executable, ids, hidden } = this.#steps.get(`${count} ${length} ${layer}`, () =>
      recordHidden(this.#model, count, length, layer),
    );
    const words = new Int32Array(ids.size);
    for (const [row, text] of batch.entries()) words.set(texts[text]!, row * length);
    engine.write(ids, bytesOf(words));
    const states = new Float32Array(hidden.size);
    await executable.run([{ tensor: hidden, target: bytesOf(states) }]);
    const width = hidden.size / (count * length);
    for (const [row, text] of batch.entries()) {
      const start = row * length * width;
      use(states.subarray(start, start + texts[text]!.length * width), text);
    }
  }
}

function recordHidden(model: RunnableModel, count: number, length: number, layer: number): HiddenStep {
  const { architecture, weights } = model;
  const ids = input('ids', [count, length], 'i32');
  let hidden: Tensor | undefined;
  const program = record(`hidden states of ${count} texts of ${length} tokens`, () => {
    hidden = output(architecture.forward(weights, ids).hidden[layer]!);
  });
  return { program, ids, hidden: hidden! };
}
