/**
 * Generates with a recurrent model on the device: it samples each token and reads it as the next input. States stay on
 * the device meanwhile. An answer with a form is sampled token by token, because what may come next depends on the last
 * one; the logits still stay on the device.
 */
import { bytesOf, type Engine, type Executable } from '../engine/engine.ts';
import { lastHidden, type RecurrentArchitecture } from '../model/architecture.ts';
import type { SampleSettings } from '../ops/sample/sample.ts';
import type { Tensor } from '../program/tensor.ts';
import { LoadedPrograms } from './loadedPrograms.ts';
import type { RunnableModel } from './model.ts';
import type { NextTokens, SequenceState } from './sequenceReader.ts';
import { assignStates, type RecordedStep, recordStep, stepLength } from './steps.ts';
import { TokenSampler } from './tokenSampler.ts';

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
  readonly #model: Sampled;
  readonly #steps: LoadedPrograms<RecordedStep>;
  readonly #states: readonly Tensor[];
  readonly #sampler: TokenSampler;
  /** The last token, which the next run reads. */
  #last = 0;
  /** The program that samples one token. */
  readonly executable: Executable;

  constructor(model: Sampled) {
    const { engine, architecture, weights, vocabulary } = model;
    this.#model = model;
    this.#steps = new LoadedPrograms(engine);
    this.#engine = engine;
    this.#states = architecture.states(1);
    this.#sampler = new TokenSampler(engine, vocabulary);
    const program = this.#sampler.record((next) => {
      const layout = { kind: 'batch', states: this.#states } as const;
      const forward = architecture.forward(weights, next, layout);
      assignStates(this.#states, forward.states);
      return architecture.head(weights, lastHidden(forward));
    });
    this.executable = engine.load(program);
  }

  begin({ state, lastToken, history, settings }: SampledStart): void {
    let offset = 0;
    for (const tensor of this.#states) {
      this.#engine.write(tensor, bytesOf(state.subarray(offset, offset + tensor.size)));
      offset += tensor.size;
    }
    this.#sampler.begin(history, settings);
    this.#setLast(lastToken);
  }

  /**
   * Samples one token per random number, at most `samplesAhead`.
   * @param limited what the first of them may be; the others may be the same
   * @throws NumericalError if a logit is not finite
   */
  async next(uniforms: readonly number[], limited?: NextTokens): Promise<Int32Array> {
    if (limited) {
      await this.#force(limited.forced);
      this.#sampler.limit(limited.allowed);
    }
    const found = await this.#sampler.next(this.executable, uniforms);
    this.#last = found.at(-1)!;
    return found;
  }

  /** Puts tokens after the last one, as if they had been sampled. */
  async #force(tokens: readonly number[]): Promise<void> {
    if (tokens.length === 0) return;
    const unread = [this.#last, ...tokens.slice(0, -1)];
    for (let at = 0; at < unread.length; ) {
      const length = stepLength(unread.length - at, this.#engine.longestStep);
      const { executable, ids } = this.#steps.get(`${length}`, () =>
        recordStep(this.#model, { kind: 'states', states: this.#states }, length, 'none'),
      );
      this.#engine.write(ids, bytesOf(Int32Array.from(unread.slice(at, at + length))));
      await executable.run();
      at += length;
    }
    this.#sampler.see(tokens);
    this.#setLast(tokens.at(-1)!);
  }

  #setLast(token: number): void {
    this.#last = token;
    this.#sampler.setLast(token);
  }
}
