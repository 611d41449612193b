/** How long training will take: first by a formula, then corrected by what runs on this machine took. */
import type { ModelConfig } from '../model/config.ts';
import type { TrainingSettings } from '../train/settings.ts';
import type { Family } from './families.ts';
import { matrixParameters } from './scaling/flops.ts';

/**
 * Of one H100 through WebGPU. Fitted to steps of 16,384 tokens of MatMul-free models: 359 ms at 24 layers of width
 * 1024, 70 ms at 10 of width 512. What attention adds is a guess until a run has been timed.
 */
const h100 = {
  /** Milliseconds of a step that computes nothing, and what each layer's dispatches add. */
  step: 1.5,
  layer: 0.5,
  /** Element-wise work: bytes moved, in nanoseconds for each token, layer and column. */
  column: 0.3,
  /** Nanoseconds for each token and entry of the vocabulary: logits, and their gradients. */
  entry: 0.015,
  /** Operations a second of matrix products, and of attention's, which have no tensor cores. */
  products: 80e12,
  attention: 3e12,
  /** Seconds of a run that are no steps: an engine, its shaders, validation, checkpoints. */
  run: 4,
};

/** Attention's backward pass computes its scores twice more than the formula for operations counts. */
const attentionTwice = 1.5;

export type TimedRun = {
  readonly family: Pick<Family, 'name' | 'contextProducts'>;
  readonly config: ModelConfig;
  readonly settings: Pick<TrainingSettings, 'steps' | 'batch' | 'length'>;
};

/** Seconds of a run's steps on one H100. */
export function secondsOfSteps({ family, config, settings }: TimedRun): number {
  const { layers, hiddenSize, vocabSize } = config;
  const { steps, batch, length } = settings;
  const tokens = batch * length;
  const context = family.contextProducts * layers * hiddenSize * length * attentionTwice;
  const seconds =
    (h100.step + h100.layer * layers) / 1e3 +
    (tokens * (h100.column * layers * hiddenSize + h100.entry * vocabSize)) / 1e9 +
    (6 * tokens * matrixParameters(config)) / h100.products +
    (6 * tokens * context) / h100.attention;
  return steps * seconds;
}

/** Seconds that a run took, beside those expected of it, correct what is expected of the next of its family. */
export class Pace {
  readonly #corrections = new Map<string, number>();

  learn(run: TimedRun, seconds: number): void {
    if (seconds > 0) this.#corrections.set(run.family.name, seconds / secondsOfSteps(run));
  }

  /** Seconds of a whole run on this machine, as far as is known. */
  estimate(run: TimedRun): number {
    const known = [...this.#corrections.values()];
    const correction = this.#corrections.get(run.family.name) ?? known.at(-1) ?? 1;
    return correction * secondsOfSteps(run) + h100.run;
  }
}
