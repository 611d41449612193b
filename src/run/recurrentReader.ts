/**
 * Advances a recurrent model over the tokens of one sequence: takes a state, returns the next one. Programs of all
 * lengths share weights and states.
 */
import { bytesOf, type Read } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import type { RecurrentArchitecture } from '../model/architecture.ts';
import type { SampleSettings } from '../ops/sample/sample.ts';
import type { Tensor } from '../program/tensor.ts';
import { DeviceSampler } from './deviceSampler.ts';
import { LoadedPrograms } from './loadedPrograms.ts';
import type { RunnableModel } from './model.ts';
import type { NextTokens, SequenceReader, SequenceState } from './sequenceReader.ts';
import { checkSomeTokens, type RecordedStep, readInSteps, recordStep, type WantedLogits } from './steps.ts';
import { batchesOf, type Drawing } from './tokenSampler.ts';

const nothing: SequenceState = new Float32Array();

export class RecurrentReader implements SequenceReader {
  readonly #model: RunnableModel<RecurrentArchitecture>;
  readonly #states: readonly Tensor[];
  readonly #stateSize: number;
  readonly #steps: LoadedPrograms<RecordedStep>;
  #sampler: DeviceSampler | undefined;
  #isSampling = false;
  /** A copy of the state in the engine's memory. */
  #held = nothing;

  constructor(model: RunnableModel<RecurrentArchitecture>) {
    this.#model = model;
    this.#states = model.architecture.states(1);
    this.#stateSize = this.#states.reduce((sum, tensor) => sum + tensor.size, 0);
    this.#steps = new LoadedPrograms(model.engine);
  }

  /** The state before the first token. */
  newState(): SequenceState {
    return new Float32Array(this.#stateSize);
  }

  /**
   * Reads tokens from `state` and updates it in place at the end: see `readInSteps`.
   * @throws InputError for an empty list or an id outside the vocabulary; `state` is then unchanged
   */
  async run(
    tokens: readonly number[],
    state: SequenceState,
    wanted: WantedLogits,
    signal?: AbortSignal,
    into?: Float32Array,
  ): Promise<Float32Array> {
    checkSomeTokens(tokens, this.#model.vocabulary);
    if (state.length !== this.#stateSize)
      throw new InputError(`state: found ${state.length} numbers, expected ${this.#stateSize}`);
    const next = state.slice();
    const how = { wanted, signal, into };
    const logits = await readInSteps(this.#model, tokens, how, (part, stepWanted, target) =>
      this.#runStep(part, next, stepWanted, target),
    );
    state.set(next);
    return logits;
  }

  sampled(
    tokens: readonly number[],
    settings: SampleSettings,
    random: () => number,
    signal?: AbortSignal,
    limit?: () => NextTokens,
  ): AsyncGenerator<Int32Array, never> | undefined {
    if (this.#model.engine.samplesAhead === 0 || this.#isSampling) return undefined;
    this.#isSampling = true;
    return this.#sample(tokens, settings, { random, signal, limit });
  }

  async *#sample(
    tokens: readonly number[],
    settings: SampleSettings,
    drawing: Drawing,
  ): AsyncGenerator<Int32Array, never> {
    try {
      const { turns, vocabulary } = this.#model;
      checkSomeTokens(tokens, vocabulary);
      const state = this.newState();
      const [before, lastToken] = [tokens.slice(0, -1), tokens[tokens.length - 1] ?? 0];
      if (before.length > 0) await this.run(before, state, 'none', drawing.signal);
      const sampler = await turns.take(async () => {
        this.#sampler ??= new DeviceSampler(this.#model);
        this.#sampler.begin({ state, lastToken, history: tokens, settings });
        return this.#sampler;
      });
      return yield* batchesOf(this.#model, drawing, (uniforms, next) => sampler.next(uniforms, next));
    } finally {
      this.#isSampling = false;
    }
  }

  async #runStep(
    tokens: readonly number[],
    state: SequenceState,
    wanted: WantedLogits,
    target: Float32Array,
  ): Promise<void> {
    const { length } = tokens;
    const { executable, ids, logits } = this.#steps.get(`${wanted} ${length}`, () =>
      recordStep(this.#model, { kind: 'states', states: this.#states }, length, wanted),
    );
    this.#writeStates(state);
    this.#model.engine.write(ids, bytesOf(Int32Array.from(tokens)));
    const reads = this.#parts(state);
    if (logits) reads.push({ tensor: logits, target: bytesOf(target) });
    const held = this.#held;
    this.#held = nothing; // a run that fails may have changed what the engine holds
    await executable.run(reads);
    held.set(state);
    this.#held = held;
  }

  /** Skips the write if the engine holds this state already, as it does while generating. */
  #writeStates(state: SequenceState): void {
    if (sameBits(this.#held, state)) return;
    for (const { tensor, target } of this.#parts(state)) this.#model.engine.write(tensor, target);
    this.#held = state.slice();
  }

  /** Each layer's state tensor with its bytes in `state`. */
  #parts(state: SequenceState): Read[] {
    let offset = 0;
    return this.#states.map((tensor) => {
      const target = bytesOf(state.subarray(offset, offset + tensor.size));
      offset += tensor.size;
      return { tensor, target };
    });
  }
}

/** Compares integers in a plain loop, because it runs for every token. */
function sameBits(a: SequenceState, b: SequenceState): boolean {
  if (a.length !== b.length) return false;
  const words = ({ buffer, byteOffset, length }: SequenceState) => new Int32Array(buffer, byteOffset, length);
  const [left, right] = [words(a), words(b)];
  for (let i = 0; i < a.length; i++) if (left[i] !== right[i]) return false;
  return true;
}
