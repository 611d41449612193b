/**
 * Generates on the device: it samples each token and reads it as the next input, several per run, and the host waits
 * only for their ids. States stay on the device meanwhile. An answer with a form is sampled token by token, because what
 * may come next depends on the last one; the logits still stay on the device.
 */
import { bytesOf, type Engine, type Executable } from '../engine/engine.ts';
import { lastHidden, type RecurrentArchitecture } from '../model/architecture.ts';
import { type SampleSettings, sample, sampleState, settingsOf } from '../ops/sample/sample.ts';
import { record } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';
import { addTo, checkDrawn, fitWords } from './drawing.ts';
import { LoadedPrograms } from './loadedPrograms.ts';
import type { RunnableModel } from './model.ts';
import type { NextTokens, SequenceState } from './sequenceReader.ts';
import { assignStates, type RecordedStep, recordStep, stepLength } from './steps.ts';

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
  /** The last token, which the next run reads. */
  #last = 0;
  /** A bit for each token that the repetition penalty applies to, as on the device; undefined: it is off. */
  #seen: Uint32Array | undefined;
  readonly #states: readonly Tensor[];
  readonly #sampling;
  /** The program that samples one token. */
  readonly executable: Executable;

  constructor(model: Sampled) {
    const { engine, architecture, weights, vocabulary } = model;
    this.#model = model;
    this.#steps = new LoadedPrograms(engine);
    this.#engine = engine;
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
    const penalises = settings.repetitionPenalty !== 1;
    this.#seen = penalises ? new Uint32Array(this.#sampling.seen.size) : undefined;
    this.#see(history);
    this.#engine.write(this.#sampling.allowed, bytesOf(new Int32Array(this.#sampling.allowed.size).fill(-1)));
    this.#setLast(lastToken);
    this.#engine.write(this.#sampling.settings, bytesOf(settingsOf(settings)));
  }

  /**
   * Samples one token per random number, at most `samplesAhead`.
   * @param limited what the first of them may be; the others may be the same
   * @throws NumericalError if a logit is not finite
   */
  async next(uniforms: readonly number[], limited?: NextTokens): Promise<Int32Array> {
    if (limited) {
      await this.#force(limited.forced);
      this.#engine.write(
        this.#sampling.allowed,
        bytesOf(fitWords(limited.allowed, this.#sampling.allowed.size)),
      );
    }
    const { turn, tokens } = this.#sampling;
    const padded = new Float32Array(this.#sampling.uniforms.size);
    padded.set(uniforms);
    this.#engine.write(this.#sampling.uniforms, bytesOf(padded));
    this.#engine.write(turn, bytesOf(Int32Array.of(0)));
    const drawn = new Int32Array(tokens.size);
    await this.executable.run([{ tensor: tokens, target: bytesOf(drawn) }], undefined, uniforms.length);
    const found = drawn.subarray(0, uniforms.length);
    checkDrawn(Math.min(...found));
    if (this.#seen) for (const id of found) addTo(this.#seen, id);
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
    this.#see(tokens);
    this.#setLast(tokens.at(-1)!);
  }

  #see(ids: readonly number[]): void {
    if (!this.#seen) return;
    for (const id of ids) addTo(this.#seen, id);
    this.#engine.write(this.#sampling.seen, bytesOf(this.#seen));
  }

  #setLast(token: number): void {
    this.#last = token;
    this.#engine.write(this.#sampling.next, bytesOf(Int32Array.of(token)));
  }
}
