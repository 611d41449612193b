/** One rank alone: the whole step is one program. */
import { bytesOf, type Engine } from '../engine/engine.ts';
import type { Architecture } from '../model/architecture.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import type { Weights } from '../model/weights.ts';
import { recordTrainingStep, type StepShape, type TrainingStep } from './step.ts';
import { LoadedPrograms, stored, type Update, type UpdateResult, writeFloats } from './update.ts';

export class OwnUpdate implements Update {
  readonly specs: readonly ParameterSpec[];
  readonly weights: Weights;
  readonly states = 1;
  readonly #engine: Engine;
  readonly #step: TrainingStep;
  readonly #loaded: LoadedPrograms;

  constructor(
    engine: Engine,
    architecture: Architecture,
    weights: Weights,
    shape: StepShape,
    decay: (spec: ParameterSpec) => number,
  ) {
    this.specs = architecture.parameters();
    this.weights = weights;
    this.#engine = engine;
    this.#step = recordTrainingStep(architecture, weights, shape, decay);
    this.#loaded = new LoadedPrograms(engine);
  }

  get programs() {
    return [this.#step.program];
  }

  get inputs() {
    return this.#step.inputs;
  }

  async run(settings: Float32Array): Promise<UpdateResult> {
    writeFloats(this.#engine, this.#step.settings, settings);
    const { losses, clip } = this.#step;
    const [lossTargets, clipTarget] = [losses.map(() => new Float32Array(1)), new Float32Array(2)];
    await this.#loaded.run(this.#step.program, [
      ...losses.map((tensor, pass) => ({ tensor, target: bytesOf(lossTargets[pass]!) })),
      { tensor: clip, target: bytesOf(clipTarget) },
    ]);
    return { losses: lossTargets.map((loss) => loss[0]!), gradientNorm: clipTarget[0]!, waited: 0 };
  }

  async countLabels(own: number): Promise<number> {
    return own;
  }

  inSync(): boolean {
    return true;
  }

  async begin(): Promise<void> {
    for (const { m, v } of this.#step.moments.values()) {
      this.#engine.allocate(m);
      this.#engine.allocate(v);
    }
  }

  saved() {
    return [...this.#step.moments.values()]
      .flatMap(({ m, v }) => [m, v])
      .map((moment) => stored(this.#engine, moment));
  }

  restored() {
    return this.saved();
  }
}
