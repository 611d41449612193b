/**
 * Generating where the model is: the device samples each token and reads it as the next one, several at a time, and
 * the host waits for their ids only. States are the device's own meanwhile.
 */
import { bytesOf, type Engine, type Executable } from '../engine/engine.ts';
import { NumericalError } from '../errors.ts';
import type { Architecture } from '../model/architecture.ts';
import type { Weights } from '../model/weights.ts';
import { type SampleSettings, sample, sampleState, settingsOf } from '../ops/sample/sample.ts';
import { assign, record } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';
import type { SequenceState } from './inference.ts';

/** Where a text begins to be generated. */
export interface SampledStart {
  /** After all tokens but the last. */
  readonly state: SequenceState;
  readonly lastToken: number;
  /** Tokens that the repetition penalty applies to. */
  readonly history: readonly number[];
  readonly settings: SampleSettings;
}

export class SampledInference {
  readonly #engine: Engine;
  readonly #vocabulary: number;
  readonly #states: readonly Tensor[];
  readonly #sampling;
  /** One token. */
  readonly executable: Executable;

  constructor(engine: Engine, architecture: Architecture, weights: Weights, vocabulary: number) {
    this.#engine = engine;
    this.#vocabulary = vocabulary;
    this.#states = architecture.states(1);
    this.#sampling = sampleState(vocabulary, engine.samplesAhead);
    const program = record('a token, sampled', () => {
      const { hidden, states } = architecture.forward(weights, this.#sampling.next, this.#states);
      states.forEach((state, index) => {
        assign(this.#states[index]!, state);
      });
      sample(architecture.head(weights, hidden.at(-1)!), this.#sampling);
    });
    this.executable = engine.load(program);
  }

  begin({ state, lastToken, history, settings }: SampledStart): void {
    let offset = 0;
    for (const tensor of this.#states) {
      this.#engine.write(tensor, bytesOf(state.subarray(offset, offset + tensor.size)));
      offset += tensor.size;
    }
    const seen = new Int32Array(this.#vocabulary);
    if (settings.repetitionPenalty !== 1) for (const id of history) seen[id] = 1;
    this.#engine.write(this.#sampling.seen, bytesOf(seen));
    this.#engine.write(this.#sampling.next, bytesOf(Int32Array.of(lastToken)));
    this.#engine.write(this.#sampling.settings, bytesOf(settingsOf(settings)));
  }

  /**
   * A token for each of the random numbers, at most `samplesAhead`.
   * @throws NumericalError if a logit is not finite
   */
  async next(uniforms: readonly number[]): Promise<Int32Array> {
    const { turn, tokens } = this.#sampling;
    const padded = new Float32Array(this.#sampling.uniforms.size);
    padded.set(uniforms);
    this.#engine.write(this.#sampling.uniforms, bytesOf(padded));
    this.#engine.write(turn, bytesOf(Int32Array.of(0)));
    const drawn = new Int32Array(tokens.size);
    await this.executable.run([{ tensor: tokens, target: bytesOf(drawn) }], undefined, uniforms.length);
    const found = drawn.subarray(0, uniforms.length);
    if (found.includes(-1)) {
      throw new NumericalError("logits contain NaN or Infinity; the model's weights may be damaged");
    }
    return found;
  }
}
