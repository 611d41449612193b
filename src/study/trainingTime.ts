/** Estimates training time: by a formula, then corrected by measured runs on this machine. */
import type { ModelConfig } from '../model/config.ts';
import type { TrainingSettings } from '../train/settings.ts';
import type { Family } from './families.ts';
import { matrixParameters } from './scaling/flops.ts';

/**
 * One H100 through WebGPU, fitted to steps of 16,384 tokens of MatMul-free models: 359 ms for 24 layers of width 1024,
 * 70 ms for 10 layers of width 512. The cost of attention is a guess until a run has been timed.
 */
const h100 = {
  /** Milliseconds of an empty step, and of the dispatches of each layer. */
  step: 1.5,
  layer: 0.5,
  /** Element-wise work: bytes moved, in nanoseconds for each token, layer and column. */
  column: 0.3,
  /** Nanoseconds for each token and entry of the vocabulary: logits, and their gradients. */
  entry: 0.015,
  /** Operations a second of matrix products, and of attention's, which have no tensor cores. */
  products: 80e12,
  attention: 3e12,
  /** Seconds of a run outside its steps: engine start, shaders, validation, checkpoints. */
  run: 4,
};

/** The backward pass of attention recomputes its scores, which the formula for operations does not count. */
const attentionTwice = 1.5;

export type TimedRun = {
  readonly family: Pick<Family, 'name' | 'contextProducts'>;
  readonly config: ModelConfig;
  readonly settings: Pick<TrainingSettings, 'steps' | 'batch' | 'length'>;
};

/** Estimates the seconds of all steps of a run on one H100. */
function secondsOfSteps({ family, config, settings }: TimedRun): number {
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

/** Corrects estimates by the ratio of measured to estimated time of earlier runs of the same family. */
export class Pace {
  readonly #corrections = new Map<string, number>();

  learn(run: TimedRun, seconds: number): void {
    if (seconds > 0) this.#corrections.set(run.family.name, seconds / secondsOfSteps(run));
  }

  /** Estimates the seconds of a whole run on this machine. */
  estimate(run: TimedRun): number {
    const known = [...this.#corrections.values()];
    const correction = this.#corrections.get(run.family.name) ?? known.at(-1) ?? 1;
    return correction * secondsOfSteps(run) + h100.run;
  }
}
