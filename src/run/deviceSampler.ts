/**
 * Generates on the device: it samples each token and reads it as the next input, several per run, and the host waits
 * only for their ids. States stay on the device meanwhile.
 */
import { bytesOf, type Engine, type Executable } from '../engine/engine.ts';
import { NumericalError } from '../errors.ts';
import { lastHidden, type RecurrentArchitecture } from '../model/architecture.ts';
import { type SampleSettings, sample, sampleState, settingsOf } from '../ops/sample/sample.ts';
import { record } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';
import type { RunnableModel } from './model.ts';
import type { SequenceState } from './sequenceReader.ts';
import { assignStates } from './steps.ts';

type Sampled = Omit<RunnableModel<RecurrentArchitecture>, 'turns'>;

/** The starting point of a generation. */
export interface SampledStart {
  /** The state after all tokens but the last. */
  readonly state: SequenceState;
  readonly lastToken: number;
  /** Tokens that the repetition penalty applies to. */
  readonly history: readonly number[];
  readonly settings: SampleSettings;
}

export class DeviceSampler {
  readonly #engine: Engine;
  readonly #vocabulary: number;
  readonly #states: readonly Tensor[];
  readonly #sampling;
  /** The program that samples one token. */
  readonly executable: Executable;

  constructor({ engine, architecture, weights, vocabulary }: Sampled) {
    this.#engine = engine;
    this.#vocabulary = vocabulary;
    this.#states = architecture.states(1);
    this.#sampling = sampleState(vocabulary, engine.samplesAhead);
    const program = record('a token, sampled', () => {
      const layout = { kind: 'batch', states: this.#states } as const;
      const forward = architecture.forward(weights, this.#sampling.next, layout);
      assignStates(this.#states, forward.states);
      sample(architecture.head(weights, lastHidden(forward)), this.#sampling);
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
   * Samples one token per random number, at most `samplesAhead`.
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
