/**
 * Advances a model that attends to all earlier tokens. The state of a sequence is the list of its tokens, which is
 * small and can be saved and forked. Keys and values stay on the engine, in a few caches. A run picks the cache that
 * shares the longest prefix with its sequence and computes only the missing tokens. So a context is read once for all
 * its continuations, and a restored conversation is read again.
 */
import { bytesOf, type Engine, OutOfMemoryError, readFloats } from '../engine/engine.ts';
import { type AttentionArchitecture, type KeyValuePages, lastHidden } from '../model/architecture.ts';
import type { SampleSettings } from '../ops/sample/sample.ts';
import type { Program } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';
import { LoadedPrograms } from './loadedPrograms.ts';
import type { RunnableModel } from './model.ts';
import { SequencePages, writeSequence } from './sequencePages.ts';
import type { NextTokens, SequenceReader, SequenceState } from './sequenceReader.ts';
import {
  checkSomeTokens,
  type RecordedStep,
  readInSteps,
  recordStep,
  stepLength,
  type WantedLogits,
} from './steps.ts';
import { batchesOf, type Drawing, TokenSampler } from './tokenSampler.ts';
import { checkContext, stateOfTokens, tokensOfState } from './tokenState.ts';

/** Max caches kept, for sequences that take turns. */
const maxCaches = 4;

/** Capacity of a new cache in tokens; it grows by doubling. */
const minCapacity = 64;

type Model = RunnableModel<AttentionArchitecture>;

export class CachedReader implements SequenceReader {
  readonly #model: Model;
  readonly #contextLength: number;
  /** Least recently used first. */
  #caches: EngineCache[] = [];
  #sampler: TokenSampler | undefined;
  #isSampling = false;

  constructor(model: Model) {
    this.#model = model;
    this.#contextLength = model.architecture.contextLength;
  }

  /** The state without tokens. */
  newState(): SequenceState {
    return stateOfTokens(this.#contextLength);
  }

  /**
   * Reads tokens after those of `state` and appends them to it at the end: see `readInSteps`.
   * @throws InputError for an empty list, an id outside the vocabulary, or a sequence beyond the context length; `state`
   * is then unchanged
   */
  async run(
    tokens: readonly number[],
    state: SequenceState,
    wanted: WantedLogits,
    signal?: AbortSignal,
    into?: Float32Array,
  ): Promise<Float32Array> {
    checkSomeTokens(tokens, this.#model.vocabulary);
    const all = tokensOfState(state, this.#contextLength, this.#model.vocabulary);
    const start = all.length;
    all.push(...tokens);
    checkContext(all.length, this.#contextLength);
    let at = start;
    const how = { wanted, signal, into };
    const logits = await readInSteps(this.#model, tokens, how, async (part, stepWanted, target) => {
      await this.#advance(all.slice(0, at), part, stepWanted, target);
      at += part.length;
    });
    state[0] = all.length;
    state.set(tokens, 1 + start);
    return logits;
  }

  sampled(
    tokens: readonly number[],
    settings: SampleSettings,
    random: () => number,
    signal?: AbortSignal,
    limit?: () => NextTokens,
  ): AsyncGenerator<Int32Array, never> | undefined {
    const { engine, vocabulary } = this.#model;
    if (this.#isSampling || !samplesFaster(engine, vocabulary, settings)) return undefined;
    this.#isSampling = true;
    return this.#sample(tokens, settings, { random, signal, limit });
  }

  async *#sample(
    tokens: readonly number[],
    settings: SampleSettings,
    drawing: Drawing,
  ): AsyncGenerator<Int32Array, never> {
    try {
      const { engine, turns, vocabulary } = this.#model;
      checkSomeTokens(tokens, vocabulary);
      checkContext(tokens.length, this.#contextLength);
      this.#sampler ??= new TokenSampler(engine, vocabulary);
      const sampler = this.#sampler;
      await turns.take(async () => sampler.begin(tokens, settings));
      const all = [...tokens];
      // Other sequences may use the cache between two batches: each finds its tokens again, most often where they were.
      return yield* batchesOf(this.#model, drawing, async (uniforms, next) => {
        if (next) {
          sampler.see(next.forced);
          sampler.limit(next.allowed);
          all.push(...next.forced);
        }
        const found = await this.#draw(sampler, all, uniforms);
        all.push(...found);
        return found;
      });
    } finally {
      this.#isSampling = false;
    }
  }

  /** Draws tokens after `tokens`, as many as there are random numbers or room in the context. */
  async #draw(
    sampler: TokenSampler,
    tokens: readonly number[],
    uniforms: readonly number[],
  ): Promise<Int32Array> {
    checkContext(tokens.length, this.#contextLength);
    const count = Math.min(uniforms.length, this.#contextLength + 1 - tokens.length);
    const before = tokens.slice(0, -1);
    const cache = await this.#filled(before, before.length + count);
    return this.#withRoom(cache, () => cache.draw(sampler, tokens.at(-1)!, uniforms.slice(0, count)));
  }

  /** Memory in use for keys and values, in bytes. */
  get cacheBytes(): number {
    return this.#caches.reduce((sum, cache) => sum + cache.bytes, 0);
  }

  /** Reads `tokens` after `history`. Computes only the tokens of `history` that the cache lacks. */
  async #advance(
    history: readonly number[],
    tokens: readonly number[],
    wanted: WantedLogits,
    target: Float32Array,
  ): Promise<void> {
    const cache = await this.#filled(history, history.length + tokens.length);
    await this.#withRoom(cache, () => cache.run(tokens, wanted, target));
  }

  /** A cache that holds exactly `history`, with room for `capacity` tokens. */
  async #filled(history: readonly number[], capacity: number): Promise<EngineCache> {
    const cache = this.#choose(history);
    cache.keep(history);
    await this.#withRoom(cache, () => cache.reserve(capacity));
    while (cache.tokens.length < history.length) {
      const at = cache.tokens.length;
      const length = stepLength(history.length - at, this.#model.engine.longestStep);
      await this.#withRoom(cache, () => cache.run(history.slice(at, at + length), 'none'));
    }
    return cache;
  }

  /**
   * The cache that shares at least half of the history; else a new one, or the least recently used.
   */
  #choose(history: readonly number[]): EngineCache {
    const shared = this.#caches.map((cache) => sharedLength(cache.tokens, history));
    const longest = Math.max(...shared);
    let chosen = 2 * longest >= history.length ? this.#caches[shared.indexOf(longest)] : undefined;
    if (!chosen && this.#caches.length === maxCaches) chosen = this.#caches[0];
    chosen ??= new EngineCache(this.#model);
    this.#caches = [...this.#caches.filter((cache) => cache !== chosen), chosen];
    return chosen;
  }

  /** Frees the other caches and tries again if the engine runs out of memory. */
  async #withRoom<T>(cache: EngineCache, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof OutOfMemoryError) || this.#caches.length === 1) throw error;
      for (const other of this.#caches) if (other !== cache) other.free();
      this.#caches = [cache];
      return work();
    }
  }
}

/** Vocabularies of which one workgroup takes the many sums that limits of sampling need faster than the host reads logits. */
const smallVocabulary = 2 ** 16;

/** Whether the engine can sample, and faster than the host. */
function samplesFaster(engine: Engine, vocabulary: number, { topK, topP }: SampleSettings): boolean {
  if (engine.samplesAhead === 0) return false;
  return vocabulary <= smallVocabulary || (topK === 0 && topP === 1);
}

function sharedLength(a: readonly number[], b: readonly number[]): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) if (a[i] !== b[i]) return i;
  return shorter;
}

/** The keys and values of one sequence on an engine, with the programs that use them. */
class EngineCache {
  readonly #model: Model;
  readonly #engine: Engine;
  readonly #steps: LoadedPrograms<RecordedStep & { readonly pages: KeyValuePages }>;
  readonly #draws: LoadedPrograms<{ readonly program: Program; readonly pages: KeyValuePages }>;
  /** Inputs of steps: each run writes them. */
  readonly #inputs = new Set<Tensor>();
  #pages: SequencePages | undefined;
  #capacity = 0;
  /** The tokens whose keys and values are in the cache. */
  tokens: readonly number[] = [];

  constructor(model: Model) {
    this.#model = model;
    this.#engine = model.engine;
    this.#steps = new LoadedPrograms(model.engine);
    this.#draws = new LoadedPrograms(model.engine);
  }

  get bytes(): number {
    return this.#pages?.bytes ?? 0;
  }

  /** Keeps only the tokens that are a prefix of `history`. */
  keep(history: readonly number[]): void {
    this.tokens = this.tokens.slice(0, sharedLength(this.tokens, history));
  }

  /** Grows the cache to hold `tokens` tokens in total. */
  async reserve(tokens: number): Promise<void> {
    if (tokens <= this.#capacity) return;
    const { architecture } = this.#model;
    const capacity = Math.min(
      Math.max(minCapacity, 2 ** Math.ceil(Math.log2(tokens))),
      architecture.contextLength,
    );
    this.#dropPrograms();
    const larger = new SequencePages(architecture, capacity);
    const old = this.#pages?.tensors ?? [];
    // Moved one tensor at a time, so that little more than the larger pages are in use.
    for (const [index, tensor] of larger.tensors.entries()) {
      try {
        this.#engine.allocate(tensor);
      } catch (error) {
        for (const done of larger.tensors.slice(0, index)) this.#engine.free(done);
        for (const rest of old.slice(index)) this.#engine.free(rest);
        this.#forget();
        throw error;
      }
      const before = old[index];
      if (!before) continue;
      if (this.tokens.length > 0) this.#engine.write(tensor, await this.#engine.read(before));
      this.#engine.free(before);
    }
    this.#pages = larger;
    this.#capacity = capacity;
  }

  /** Reads tokens after those in the cache. */
  async run(tokens: readonly number[], wanted: WantedLogits, target?: Float32Array): Promise<void> {
    const { length } = tokens;
    const all = this.#pages;
    if (!all) throw new Error('cache: expected room for keys and values, found none');
    const { executable, ids, logits, pages } = this.#steps.get(`${wanted} ${length}`, () => {
      const pages = all.ofStep(length);
      return { ...recordStep(this.#model, { kind: 'pages', pages }, length, wanted), pages };
    });
    this.#engine.write(ids, bytesOf(Int32Array.from(tokens)));
    writeSequence(this.#engine, pages, this.tokens.length);
    const { slots, positions, pages: table } = pages.paging;
    for (const input of [ids, slots, positions, table]) this.#inputs.add(input);
    await executable.run();
    this.tokens = [...this.tokens, ...tokens];
    if (logits) await readFloats(this.#engine, logits, target);
  }

  /** Draws tokens after `last`, which comes after those in the cache; each but the last one drawn is read. */
  async draw(sampler: TokenSampler, last: number, uniforms: readonly number[]): Promise<Int32Array> {
    const all = this.#pages;
    if (!all) throw new Error('cache: expected room for keys and values, found none');
    const { architecture, weights } = this.#model;
    const { executable, pages } = this.#draws.get('', () => {
      let pages: KeyValuePages | undefined;
      const program = sampler.record((next, position) => {
        pages = all.ofStep(1, position);
        return architecture.head(weights, lastHidden(architecture.forward(weights, next, pages)));
      });
      return { program, pages: pages! };
    });
    writeSequence(this.#engine, pages, this.tokens.length);
    sampler.setLast(last, this.tokens.length);
    const found = await sampler.next(executable, uniforms);
    this.tokens = [...this.tokens, last, ...found.subarray(0, -1)];
    return found;
  }

  free(): void {
    for (const tensor of this.#pages?.tensors ?? []) this.#engine.free(tensor);
    this.#forget();
  }

  #dropPrograms(): void {
    this.#steps.clear();
    this.#draws.clear();
    for (const input of this.#inputs) this.#engine.free(input);
    this.#inputs.clear();
  }

  #forget(): void {
    this.#dropPrograms();
    this.#pages = undefined;
    this.#capacity = 0;
    this.tokens = [];
  }
}
