/**
 * Running a model over tokens, from a recurrent state to a recurrent state. Programs are recorded once for
 * each length that is needed; weights and states are shared between them.
 */
import { bytesOf, type Engine, type Executable, type Read } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import type { Architecture } from '../model/architecture.ts';
import type { Weights } from '../model/weights.ts';
import { lastToken } from '../ops/lastToken/lastToken.ts';
import type { SampleSettings } from '../ops/sample/sample.ts';
import { batch } from '../ops/sequences.ts';
import { assign, output, type Program, record } from '../program/record.ts';
import { input, type Tensor } from '../program/tensor.ts';
import { SampledInference } from './sampledInference.ts';
import { Turns } from './turns.ts';

/** Which logits a run computes: of every token, of the last one, or none (only the state matters). */
export type WantedLogits = 'all' | 'last' | 'none';

/**
 * The whole memory of one sequence, of fixed size: each layer's recurrent state, one after the other, or, of models
 * that attend, the tokens so far. Plain numbers, free to copy.
 */
export type SequenceState = Float32Array;

interface Step {
  readonly executable: Executable;
  readonly ids: Tensor;
  readonly logits: Tensor | undefined;
}

/** Logits of many tokens are read back in stretches of so many bytes, or 256 tokens. */
const mostLogitBytes = 2 ** 27;

/** Running a model over tokens, as sessions, the front door and the server know it. */
export interface SequenceReader {
  newState(): SequenceState;
  run(
    tokens: readonly number[],
    state: SequenceState,
    wanted: WantedLogits,
    signal?: AbortSignal,
  ): Promise<Float32Array>;
  /**
   * Samples on the device what follows the tokens, from the beginning of a sequence, batch after batch without end.
   * Absent, or undefined: it cannot, or is doing it for somebody else; then use `run`.
   * @param random in [0, 1), called for each token to be sampled
   * @throws InputError at the first batch, for an empty list or an id outside the vocabulary, or a damaged logit; the
   * signal's reason if it is aborted
   */
  sampled?(
    tokens: readonly number[],
    settings: SampleSettings,
    random: () => number,
    signal?: AbortSignal,
  ): AsyncGenerator<Int32Array, never> | undefined;
}

export class Inference implements SequenceReader {
  readonly #engine: Engine;
  readonly #architecture: Architecture;
  readonly #weights: Weights;
  readonly #vocabulary: number;
  readonly #states: readonly Tensor[];
  readonly #stateSize: number;
  readonly #steps = new Map<string, Step>();
  #sampledInference: SampledInference | undefined;
  #isSampling = false;
  /** The state that the engine holds. */
  #held: SequenceState = new Float32Array();
  readonly #turns: Turns;

  /**
   * @param turns shared by all that runs on the engine
   * @throws Error if the model attends: without its cache it would forget all but the tokens of one run
   */
  constructor(
    engine: Engine,
    architecture: Architecture,
    weights: Weights,
    vocabulary: number,
    turns = new Turns(),
  ) {
    if (architecture.cached)
      throw new Error('this model attends and has no recurrent state: use sequenceReader');
    this.#engine = engine;
    this.#turns = turns;
    this.#architecture = architecture;
    this.#weights = weights;
    this.#vocabulary = vocabulary;
    this.#states = architecture.states(1);
    this.#stateSize = this.#states.reduce((sum, tensor) => sum + tensor.size, 0);
  }

  /** The state before the first token. */
  newState(): SequenceState {
    return new Float32Array(this.#stateSize);
  }

  /** Bytes that a run of `length` tokens needs for temporaries. */
  temporaryBytes(length: number, wanted: WantedLogits): number {
    return this.#step(stepLength(length, this.#longest(wanted)), wanted).executable.plan.peakBytes;
  }

  /**
   * Runs tokens from `state`, which is updated in place at the end, and returns the wanted logits: [tokens,
   * vocabulary], [vocabulary] or nothing. Runs of other sequences may take their turn between two steps.
   * @throws InputError for an empty list or an id outside the vocabulary; the signal's reason if it is aborted,
   * which is noticed between steps. `state` is then unchanged.
   */
  async run(
    tokens: readonly number[],
    state: SequenceState,
    wanted: WantedLogits,
    signal?: AbortSignal,
  ): Promise<Float32Array> {
    if (tokens.length === 0) throw new InputError('found no token, expected at least one');
    checkTokens(tokens, this.#vocabulary);
    if (state.length !== this.#stateSize)
      throw new InputError(`state: found ${state.length} numbers, expected ${this.#stateSize}`);

    const logits = new Float32Array({ all: tokens.length, last: 1, none: 0 }[wanted] * this.#vocabulary);
    const next = state.slice();
    for (let start = 0; start < tokens.length; ) {
      signal?.throwIfAborted();
      const length = stepLength(tokens.length - start, this.#longest(wanted));
      const isLast = start + length === tokens.length;
      const part = tokens.slice(start, start + length);
      const stepWanted = wanted === 'last' && !isLast ? 'none' : wanted;
      const rows = { all: [start, start + length], last: [0, 1], none: [0, 0] }[stepWanted];
      const target = logits.subarray(rows[0]! * this.#vocabulary, rows[1]! * this.#vocabulary);
      await this.#turns.take(() => this.#runStep(part, next, stepWanted, target));
      start += length;
    }
    state.set(next);
    return logits;
  }

  sampled(
    tokens: readonly number[],
    settings: SampleSettings,
    random: () => number,
    signal?: AbortSignal,
  ): AsyncGenerator<Int32Array, never> | undefined {
    if (this.#engine.samplesAhead === 0 || this.#isSampling) return undefined;
    this.#isSampling = true;
    return this.#sample(tokens, settings, random, signal);
  }

  async *#sample(
    tokens: readonly number[],
    settings: SampleSettings,
    random: () => number,
    signal?: AbortSignal,
  ): AsyncGenerator<Int32Array, never> {
    try {
      if (tokens.length === 0) throw new InputError('found no token, expected at least one');
      checkTokens(tokens, this.#vocabulary);
      const state = this.newState();
      if (tokens.length > 1) await this.run(tokens.slice(0, -1), state, 'none', signal);
      const start = { state, lastToken: tokens.at(-1)!, history: tokens, settings };
      const sampler = await this.#turns.take(async () => this.#sampler());
      await this.#turns.take(async () => sampler.begin(start));
      // The first comes as soon as it can.
      for (let ahead = 1; ; ahead = Math.min(2 * ahead, this.#engine.samplesAhead)) {
        signal?.throwIfAborted();
        const uniforms = Array.from({ length: ahead }, random);
        yield await this.#turns.take(() => sampler.next(uniforms));
      }
    } finally {
      this.#isSampling = false;
    }
  }

  #sampler(): SampledInference {
    const [engine, architecture] = [this.#engine, this.#architecture];
    this.#sampledInference ??= new SampledInference(engine, architecture, this.#weights, this.#vocabulary);
    return this.#sampledInference;
  }

  #longest(wanted: WantedLogits): number {
    return longestStep(this.#engine, wanted, this.#vocabulary);
  }

  async #runStep(
    tokens: readonly number[],
    state: SequenceState,
    wanted: WantedLogits,
    target: Float32Array,
  ): Promise<void> {
    const { executable, ids, logits } = this.#step(tokens.length, wanted);
    this.#writeStates(state);
    this.#engine.write(ids, bytesOf(Int32Array.from(tokens)));
    const reads = this.#parts(state);
    if (logits) reads.push({ tensor: logits, target: bytesOf(target) });
    await executable.run(reads);
    this.#held.set(state);
  }

  #step(length: number, wanted: WantedLogits): Step {
    const key = `${wanted} ${length}`;
    const known = this.#steps.get(key);
    if (known) return known;
    const { program, ids, logits } = recordStep(
      this.#architecture,
      this.#weights,
      this.#states,
      length,
      wanted,
    );
    const step = { executable: this.#engine.load(program), ids, logits };
    this.#steps.set(key, step);
    return step;
  }

  /** Generating reads on from where it was: the engine holds that state already. */
  #writeStates(state: SequenceState): void {
    if (sameBits(this.#held, state)) return;
    for (const { tensor, target } of this.#parts(state)) this.#engine.write(tensor, target);
    this.#held = state.slice();
  }

  /** Each layer's state, and its bytes in `state`. */
  #parts(state: SequenceState): Read[] {
    let offset = 0;
    return this.#states.map((tensor) => {
      const target = bytesOf(state.subarray(offset, offset + tensor.size));
      offset += tensor.size;
      return { tensor, target };
    });
  }
}

/** Compared as integers, in a loop that engines compile well: it runs for every token. */
function sameBits(a: SequenceState, b: SequenceState): boolean {
  if (a.length !== b.length) return false;
  const [left, right] = [a, b].map(
    ({ buffer, byteOffset, length }) => new Int32Array(buffer, byteOffset, length),
  );
  for (let i = 0; i < a.length; i++) if (left![i] !== right![i]) return false;
  return true;
}

/** @throws InputError for an id outside the vocabulary */
export function checkTokens(tokens: readonly number[], vocabulary: number): void {
  for (const [index, token] of tokens.entries()) {
    if (Number.isInteger(token) && token >= 0 && token < vocabulary) continue;
    throw new InputError(
      `token ${index}: found ${token}, expected an integer from 0 to ${vocabulary - 1} (the vocabulary)`,
    );
  }
}

/** The program that reads `length` tokens from `states` and leaves the next states in their place. */
export function recordStep(
  architecture: Architecture,
  weights: Weights,
  states: readonly Tensor[],
  length: number,
  wanted: WantedLogits,
): { readonly program: Program; readonly ids: Tensor; readonly logits: Tensor | undefined } {
  const ids = input('ids', [1, length], 'i32');
  let logits: Tensor | undefined;
  const program = record(`${length} tokens, logits of ${wanted}`, () => {
    const { hidden, states: next } = architecture.forward(weights, ids, states);
    next.forEach((state, index) => {
      assign(states[index]!, state);
    });
    const last = hidden.at(-1)!;
    if (wanted === 'none') return;
    logits = output(
      architecture.head(weights, wanted === 'last' ? lastToken(last, { layout: batch }) : last),
    );
  });
  return { program, ids, logits };
}

/** Tokens of the longest program that reads a sequence, a power of two. */
export function longestStep(engine: Engine, wanted: WantedLogits, vocabulary: number): number {
  if (wanted !== 'all') return engine.longestStep;
  return stepLength(Math.max(256, mostLogitBytes / (4 * vocabulary)), engine.longestStep);
}

/**
 * Steps have lengths that are powers of two, so that few programs serve any length, and a sequence is cut
 * without padding: the recurrent state goes on exactly where it was.
 */
export function stepLength(remaining: number, longest: number): number {
  return Math.min(longest, 2 ** Math.floor(Math.log2(remaining)));
}
