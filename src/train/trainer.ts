/** One model in one engine's memory with the programs that train and validate it; no files, no loop. */
import { bytesOf, type Engine, type Executable, readFloats } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { architectureOf } from '../model/architecture.ts';
import type { ModelConfig } from '../model/config.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import { Weights } from '../model/weights.ts';
import { settingsVector } from '../ops/adamw/adamw.ts';
import type { Tensor } from '../program/tensor.ts';
import type { Batch } from '../text/batches.ts';
import { needsOf, refuseIfTooLarge, type TrainingNeeds } from './needs.ts';
import type { TrainingSettings } from './settings.ts';
import { recordLoss, recordTrainingStep, type TrainingStep } from './step.ts';

export interface StepResult {
  /** Mean loss in nats a token, before the update. */
  readonly loss: number;
  /** Global norm of the gradients, before clipping. */
  readonly gradientNorm: number;
}

/** A loss that is no number any more: the weights in memory are spoilt, the last checkpoint is not. */
export class DivergenceError extends InputError {
  override name = 'DivergenceError';
}

export class Trainer {
  readonly engine: Engine;
  readonly config: ModelConfig;
  readonly specs: readonly ParameterSpec[];
  readonly weights: Weights;
  readonly needs: TrainingNeeds;
  readonly #settings: TrainingSettings;
  readonly #step: TrainingStep;
  readonly #loss: ReturnType<typeof recordLoss>;
  #executables: { readonly step: Executable; readonly loss: Executable } | undefined;

  /**
   * Records the programs; memory is taken when weights are written or a step runs.
   * @param limitBytes memory that may be used
   * @throws OutOfMemoryError if training needs more
   */
  constructor(engine: Engine, config: ModelConfig, settings: TrainingSettings, limitBytes: number) {
    const architecture = architectureOf(config);
    const { batch, length } = settings;
    this.engine = engine;
    this.config = config;
    this.specs = architecture.parameters();
    this.weights = new Weights(this.specs, 'training');
    this.#settings = settings;
    this.#step = recordTrainingStep(architecture, this.weights, settings, (spec) => decayOf(spec, settings));
    this.#loss = recordLoss(architecture, this.weights, batch, length);
    this.needs = needsOf([this.#step.program, this.#loss.program], this.weights.all());
    refuseIfTooLarge(this.needs, limitBytes);
  }

  /** AdamW's moments as variables: `<parameter>.m` and `<parameter>.v`, f32. */
  get moments(): Tensor[] {
    return [...this.#step.moments.values()].flatMap(({ m, v }) => [m, v]);
  }

  /**
   * One update of the weights.
   * @param batches one for each accumulated pass
   * @param step counted from 0
   * @throws DivergenceError if loss or gradients are not finite
   */
  async step(batches: readonly Batch[], step: number, learningRate: number): Promise<StepResult> {
    const { inputs, settings, loss, clip } = this.#step;
    const { beta1, beta2, epsilon, maxNorm } = this.#settings;
    inputs.forEach(({ ids, labels }, pass) => {
      this.engine.write(ids, bytesOf(batches[pass]!.inputs));
      this.engine.write(labels, bytesOf(batches[pass]!.labels));
    });
    const vector = settingsVector({
      ...{ learningRate, beta1, beta2, epsilon },
      step: step + 1,
      maxNorm: maxNorm || Number.POSITIVE_INFINITY,
    });
    this.engine.write(settings, bytesOf(vector));
    const found = { loss: new Float32Array(1), clip: new Float32Array(2) };
    await this.#loaded().step.run([
      { tensor: loss, target: bytesOf(found.loss) },
      { tensor: clip, target: bytesOf(found.clip) },
    ]);
    const result = { loss: found.loss[0]!, gradientNorm: found.clip[0]! };
    refuseDivergence(result, step);
    return result;
  }

  /** Mean loss in nats a token, without training. */
  async validate(batches: AsyncIterable<Batch>): Promise<number> {
    let sum = 0;
    let count = 0;
    for await (const batch of batches) {
      this.engine.write(this.#loss.ids, bytesOf(batch.inputs));
      this.engine.write(this.#loss.labels, bytesOf(batch.labels));
      await this.#loaded().loss.run();
      const labels = labelled(batch);
      sum += labels * (await this.#number(this.#loss.loss));
      count += labels;
    }
    return sum / Math.max(1, count);
  }

  #loaded() {
    this.#executables ??= {
      step: this.engine.load(this.#step.program),
      loss: this.engine.load(this.#loss.program),
    };
    return this.#executables;
  }

  async #number(tensor: Tensor): Promise<number> {
    return (await readFloats(this.engine, tensor))[0]!;
  }
}

/** Tokens of a batch that the model is to foretell. */
export function labelled({ labels }: Batch): number {
  return labels.reduce((count, label) => (label >= 0 ? count + 1 : count), 0);
}

/** Decaying a norm's weight or a bound towards zero would pull the model away from the identity, not simplify it. */
function decayOf({ role }: ParameterSpec, { weightDecay, decayAll }: TrainingSettings): number {
  return decayAll || role !== 'vector' ? weightDecay : 0;
}

function refuseDivergence({ loss, gradientNorm }: StepResult, step: number): void {
  if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
  throw new DivergenceError(
    `step ${step + 1}: found loss ${loss} and gradient norm ${gradientNorm}, expected finite numbers; ` +
      'try a lower learning rate or a longer warm-up',
  );
}
