/**
 * Draws tokens with compiled code: the tokens that `sample` of sampling.ts draws from the same logits, options and random
 * numbers, several times as fast.
 */
import { readAsset } from '#platform';
import type { SeededRandom } from '../../text/seededRandom.ts';
import { likeliest, penalizeInPlace, uniformOf } from '../sampling.ts';
import type { SamplingOptions } from '../samplingOptions.ts';

/** What module.as.ts of src/ops/sample/draw exports. */
interface DrawModule {
  readonly memory: WebAssembly.Memory;
  reserve(vocabulary: number): number;
  likeliest(vocabulary: number): number;
  draw(
    vocabulary: number,
    best: number,
    temperature: number,
    topK: number,
    topP: number,
    minP: number,
    uniform: number,
  ): number;
}

/** Spelled out, so that bundlers find it. */
const file = new URL('../../../build/draw.wasm', import.meta.url);

export class Sampler {
  static #loaded: Promise<Sampler> | undefined;
  readonly #module: DrawModule;
  /** Of the vocabulary that was used last, in the module's memory. */
  #logits = new Float32Array();

  private constructor(module: DrawModule) {
    this.#module = module;
  }

  /** All generations share one: a draw leaves nothing behind. */
  static load(): Promise<Sampler> {
    Sampler.#loaded ??= readAsset(file)
      .then((bytes) => WebAssembly.instantiate(bytes, { env: { abort } }))
      .then(({ instance }) => new Sampler(instance.exports as unknown as DrawModule))
      .catch((error: unknown) => {
        Sampler.#loaded = undefined;
        throw error;
      });
    return Sampler.#loaded;
  }

  /**
   * Draws a token id, as `sample` does.
   * @param logits [vocabulary], not changed; −Infinity excludes a token
   * @param random used only if temperature > 0
   * @param history ids that the repetition penalty applies to
   * @throws {NumericalError} if a logit is NaN or +Infinity, or all are −Infinity
   */
  sample(
    logits: Float32Array,
    { temperature, topK, topP, minP, repetitionPenalty }: Required<SamplingOptions>,
    random: SeededRandom,
    history: Iterable<number> = [],
  ): number {
    const { length } = logits;
    const copy = this.#roomFor(length);
    copy.set(logits);
    if (repetitionPenalty !== 1) penalizeInPlace(copy, history, repetitionPenalty);
    const found = this.#module.likeliest(length);
    const best = found < 0 ? likeliest(copy) : found; // which says what is wrong
    if (temperature === 0) return best;
    return this.#module.draw(length, best, temperature, topK, topP, minP, uniformOf(random));
  }

  #roomFor(vocabulary: number): Float32Array {
    if (this.#logits.length !== vocabulary) {
      const at = this.#module.reserve(vocabulary);
      if (at === 0) throw new RangeError(`no memory to sample from a vocabulary of ${vocabulary} tokens`);
      this.#logits = new Float32Array(this.#module.memory.buffer, at, vocabulary);
    }
    return this.#logits;
  }
}

/** @returns {never} */
function abort(): void {
  throw new Error('drawing a token aborted: this is a bug');
}
