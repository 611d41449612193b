/**
 * Running a model that attends to all earlier tokens. The state of a sequence is the list of its tokens, which is
 * small, can be saved and forked, and says all. Their keys and values stay on the engine, in a few caches; a run
 * finds the cache that shares the longest beginning with its sequence, and computes only what is missing there.
 * So a context is read once for all its continuations, and a conversation that was restored reads itself anew.
 */
import { bytesOf, type Engine, type Executable, OutOfMemoryError, readFloats } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import type { Architecture, CachedForward } from '../model/architecture.ts';
import type { Weights } from '../model/weights.ts';
import { lastToken } from '../ops/lastToken/lastToken.ts';
import { batch } from '../ops/sequences.ts';
import { output, type Program, record } from '../program/record.ts';
import { input, type Tensor } from '../program/tensor.ts';
import {
  checkTokens,
  longestStep,
  type SequenceReader,
  type SequenceState,
  stepLength,
  type WantedLogits,
} from './inference.ts';
import { Turns } from './turns.ts';

/** Caches that are kept for sequences that take turns. */
const mostCaches = 4;

/** Tokens that a new cache has room for; it grows by doubling. */
const leastCapacity = 64;

export class CachedInference implements SequenceReader {
  readonly #engine: Engine;
  readonly #architecture: Architecture;
  readonly #cached: CachedForward;
  readonly #weights: Weights;
  readonly #vocabulary: number;
  /** The one that was used last stands last. */
  #caches: EngineCache[] = [];
  readonly #turns: Turns;

  /**
   * @param turns shared by all that runs on the engine
   * @throws Error if the model does not attend
   */
  constructor(
    engine: Engine,
    architecture: Architecture,
    weights: Weights,
    vocabulary: number,
    turns = new Turns(),
  ) {
    if (!architecture.cached) throw new Error('this model has a recurrent state and no cache: use Inference');
    this.#engine = engine;
    this.#architecture = architecture;
    this.#cached = architecture.cached;
    this.#weights = weights;
    this.#vocabulary = vocabulary;
    this.#turns = turns;
  }

  /** No tokens: [count, then room for the ids of the longest sequence]. */
  newState(): SequenceState {
    return new Float32Array(1 + this.#cached.longest);
  }

  /**
   * Runs tokens that follow those of `state`, which then has them too, and returns the wanted logits: [tokens,
   * vocabulary], [vocabulary] or nothing. Runs of other sequences may take their turn between two steps.
   * @throws InputError for an empty list, an id outside the vocabulary, a sequence longer than the model's longest;
   * the signal's reason if it is aborted, which is noticed between steps. `state` is then unchanged.
   */
  async run(
    tokens: readonly number[],
    state: SequenceState,
    wanted: WantedLogits,
    signal?: AbortSignal,
  ): Promise<Float32Array> {
    if (tokens.length === 0) throw new InputError('found no token, expected at least one');
    checkTokens(tokens, this.#vocabulary);
    const all = this.#tokensOf(state);
    const start = all.length;
    all.push(...tokens);
    if (all.length > this.#cached.longest) {
      throw new InputError(
        `found a sequence of ${all.length} tokens, expected at most ${this.#cached.longest}, the longest that this ` +
          'model attends to (max_position_embeddings); start a new one',
      );
    }
    const longest = longestStep(this.#engine, wanted, this.#vocabulary);
    const logits = new Float32Array({ all: tokens.length, last: 1, none: 0 }[wanted] * this.#vocabulary);
    for (let at = start; at < all.length; ) {
      signal?.throwIfAborted();
      const end = at + stepLength(all.length - at, longest);
      const stepWanted = wanted === 'last' && end < all.length ? 'none' : wanted;
      const rows = { all: [at - start, end - start], last: [0, 1], none: [0, 0] }[stepWanted];
      const target = logits.subarray(rows[0]! * this.#vocabulary, rows[1]! * this.#vocabulary);
      await this.#turns.take(() => this.#advance(all.slice(0, at), all.slice(at, end), stepWanted, target));
      at = end;
    }
    state[0] = all.length;
    state.set(tokens, 1 + start);
    return logits;
  }

  /** Memory in use for keys and values, in bytes. */
  get cacheBytes(): number {
    return this.#caches.reduce((sum, cache) => sum + cache.bytes, 0);
  }

  #tokensOf(state: SequenceState): number[] {
    const [count] = state;
    if (
      state.length !== 1 + this.#cached.longest ||
      !Number.isInteger(count) ||
      count! < 0 ||
      count! >= state.length
    ) {
      throw new InputError(
        `state: found ${state.length} numbers for ${count} tokens, expected ${1 + this.#cached.longest} numbers`,
      );
    }
    const tokens = [...state.subarray(1, 1 + count!)];
    checkTokens(tokens, this.#vocabulary);
    return tokens;
  }

  /** Runs `tokens` after `history`, of which only what the cache lacks is computed. */
  async #advance(
    history: readonly number[],
    tokens: readonly number[],
    wanted: WantedLogits,
    target: Float32Array,
  ): Promise<void> {
    const cache = this.#choose(history);
    cache.keep(history);
    await this.#withRoom(cache, () => cache.reserve(history.length + tokens.length));
    while (cache.tokens.length < history.length) {
      const at = cache.tokens.length;
      const length = stepLength(history.length - at, this.#engine.longestStep);
      await this.#withRoom(cache, () => cache.run(history.slice(at, at + length), 'none', target));
    }
    await this.#withRoom(cache, () => cache.run(tokens, wanted, target));
  }

  /**
   * The cache that shares at least half of the history; else a new one, or the one that was not used for longest.
   */
  #choose(history: readonly number[]): EngineCache {
    const shared = this.#caches.map((cache) => sharedLength(cache.tokens, history));
    const most = Math.max(...shared);
    let chosen = 2 * most >= history.length ? this.#caches[shared.indexOf(most)] : undefined;
    if (!chosen && this.#caches.length === mostCaches) chosen = this.#caches[0];
    chosen ??= new EngineCache(this.#engine, this.#architecture, this.#weights);
    this.#caches = [...this.#caches.filter((cache) => cache !== chosen), chosen];
    return chosen;
  }

  /** Gives the other caches up if the engine's memory ends. */
  async #withRoom(cache: EngineCache, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof OutOfMemoryError) || this.#caches.length === 1) throw error;
      for (const other of this.#caches) if (other !== cache) other.free();
      this.#caches = [cache];
      await work();
    }
  }
}

function sharedLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  for (let i = 0; i < most; i++) if (a[i] !== b[i]) return i;
  return most;
}

/** The keys and values of one sequence on an engine, with the programs that use them. */
class EngineCache {
  readonly #engine: Engine;
  readonly #architecture: Architecture;
  readonly #weights: Weights;
  readonly #held = input('tokens held', [1], 'i32');
  readonly #steps = new Map<string, CachedStep & { readonly executable: Executable }>();
  #tensors: Tensor[] = [];
  #capacity = 0;
  /** The tokens whose keys and values it holds. */
  tokens: readonly number[] = [];

  constructor(engine: Engine, architecture: Architecture, weights: Weights) {
    this.#engine = engine;
    this.#architecture = architecture;
    this.#weights = weights;
  }

  get bytes(): number {
    return this.#tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  }

  /** Forgets what does not begin `history`. */
  keep(history: readonly number[]): void {
    this.tokens = this.tokens.slice(0, sharedLength(this.tokens, history));
  }

  /** Makes room for `tokens` in all. */
  async reserve(tokens: number): Promise<void> {
    if (tokens <= this.#capacity) return;
    const { longest, cache } = this.#architecture.cached!;
    const capacity = Math.min(Math.max(leastCapacity, 2 ** Math.ceil(Math.log2(tokens))), longest);
    this.#steps.clear();
    const larger = cache(capacity);
    const old = this.#tensors;
    // One after the other, so that little more than the larger cache is in use at any time.
    for (const [index, tensor] of larger.entries()) {
      try {
        this.#engine.allocate(tensor);
      } catch (error) {
        for (const done of larger.slice(0, index)) this.#engine.free(done);
        for (const rest of old.slice(index)) this.#engine.free(rest);
        this.#forget();
        throw error;
      }
      const before = old[index];
      if (!before) continue;
      if (this.tokens.length > 0) this.#engine.write(tensor, await this.#engine.read(before));
      this.#engine.free(before);
    }
    this.#tensors = larger;
    this.#capacity = capacity;
  }

  /** Runs tokens that follow those held. */
  async run(tokens: readonly number[], wanted: WantedLogits, target: Float32Array): Promise<void> {
    const { executable, ids, logits } = this.#step(tokens.length, wanted);
    this.#engine.write(ids, bytesOf(Int32Array.from(tokens)));
    this.#engine.write(this.#held, bytesOf(Int32Array.of(this.tokens.length)));
    await executable.run();
    this.tokens = [...this.tokens, ...tokens];
    if (logits) await readFloats(this.#engine, logits, target);
  }

  free(): void {
    for (const tensor of this.#tensors) this.#engine.free(tensor);
    this.#forget();
  }

  #forget(): void {
    this.#steps.clear();
    this.#tensors = [];
    this.#capacity = 0;
    this.tokens = [];
  }

  #step(length: number, wanted: WantedLogits) {
    const key = `${wanted} ${length}`;
    const known = this.#steps.get(key);
    if (known) return known;
    const cache = { tensors: this.#tensors, held: this.#held };
    const recorded = recordCachedStep(this.#architecture, this.#weights, cache, length, wanted);
    const step = { executable: this.#engine.load(recorded.program), ...recorded };
    this.#steps.set(key, step);
    return step;
  }
}

interface CachedStep {
  readonly program: Program;
  readonly ids: Tensor;
  readonly logits: Tensor | undefined;
}

/** The program that reads `length` tokens after those that the cache holds, and adds theirs to it. */
export function recordCachedStep(
  architecture: Architecture,
  weights: Weights,
  cache: { readonly tensors: readonly Tensor[]; readonly held: Tensor },
  length: number,
  wanted: WantedLogits,
): CachedStep {
  const ids = input('ids', [1, length], 'i32');
  let logits: Tensor | undefined;
  const program = record(`${length} tokens, logits of ${wanted}`, () => {
    const last = architecture.cached!.forward(weights, ids, cache).at(-1)!;
    if (wanted === 'none') return;
    logits = output(
      architecture.head(weights, wanted === 'last' ? lastToken(last, { layout: batch }) : last),
    );
  });
  return { program, ids, logits };
}
