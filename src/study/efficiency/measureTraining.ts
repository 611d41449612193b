/** Time and memory of training steps with random weights, with projections fused or plain. */
import { bytesOf, OutOfMemoryError, readFloats } from '../../engine/engine.ts';
import { GpuError } from '../../engine/webgpu/errors.ts';
import { architectureOf } from '../../model/architecture.ts';
import type { ModelConfig } from '../../model/config.ts';
import { type WeightMode, Weights } from '../../model/weights.ts';
import { settingsVector } from '../../ops/adamw/adamw.ts';
import { RandomWeights } from '../../run/randomWeights.ts';
import { type MachineFlags, withMachine } from '../../train/machine.ts';
import { needsOf } from '../../train/needs.ts';
import { recordTrainingStep } from '../../train/step.ts';
import { medianTime } from '../medianTime.ts';
import { matrixParameters } from '../scaling/flops.ts';

export interface TrainingCase {
  readonly config: ModelConfig;
  readonly mode: Exclude<WeightMode, 'inference'>;
  /** Keep the blocks' outputs only. */
  readonly recompute: boolean;
  readonly batch: number;
  readonly length: number;
}

/** Bytes of the program as it was recorded; an engine may fuse more, and its kernels have temporaries of their own. */
export interface TrainingPlanBytes {
  /** Weights and AdamW's moments. */
  readonly kept: number;
  /** Further memory of one step: activations, gradients. */
  readonly temporaries: number;
}

export interface TrainingMeasurement {
  /** Why there is no measurement. */
  readonly failure?: string;
  /** Milliseconds of a step, median. */
  readonly step?: number;
  /** Bytes that the engine had in use. */
  readonly usedBytes?: number;
}

/** Expected figures of a case on one H100 through WebGPU. */
const h100 = { bytesWritten: 1.5e9, products: 80e12, start: 5 };
const rounds = 5;

export function secondsOf({ config, batch, length }: TrainingCase): number {
  const operations = 6 * matrixParameters(config) * batch * length;
  const weights = 4 * matrixParameters(config);
  return h100.start + weights / h100.bytesWritten + ((rounds + 2) * operations) / h100.products;
}

export function planTraining(one: TrainingCase): TrainingPlanBytes {
  const { weights, step } = prepare(one);
  const { variableBytes, temporaryBytes } = needsOf([step.program], weights.all());
  return { kept: variableBytes, temporaries: temporaryBytes };
}

/** An engine of its own, so that its memory is what this case needs. */
export async function measureTraining(
  one: TrainingCase,
  flags: MachineFlags,
  signal: AbortSignal,
): Promise<TrainingMeasurement> {
  try {
    return await withMachine(flags, async ({ engine }) => {
      const { weights, step } = prepare(one);
      // Loaded first: a case that does not fit is refused before time is spent on weights.
      const executable = engine.load(step.program);
      await new RandomWeights().fillSlowly(engine, weights);
      const { ids, labels } = step.inputs[0]!;
      const tokens = Int32Array.from({ length: ids.size }, (_, i) => (i * 7919 + 13) % one.config.vocabSize);
      engine.write(ids, bytesOf(tokens));
      engine.write(labels, bytesOf(tokens.map((id) => (id + 7919) % one.config.vocabSize)));
      const milliseconds = await medianTime(signal, { rounds }, async (round) => {
        engine.write(step.settings, bytesOf(settingsVector({ ...optimizer, step: round + 1 })));
        await executable.run();
        const [loss] = await readFloats(engine, step.losses[0]!);
        if (!Number.isFinite(loss)) throw new Error(`found a loss of ${loss}; nothing was timed`);
      });
      return { step: milliseconds, usedBytes: engine.usedBytes };
    });
  } catch (error) {
    if (!(error instanceof OutOfMemoryError || error instanceof GpuError)) throw error;
    return { failure: error.message };
  }
}

const optimizer = { learningRate: 1e-4, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, maxNorm: 1 };

function prepare({ config, mode, recompute, batch, length }: TrainingCase) {
  const architecture = architectureOf(config);
  const weights = new Weights(architecture.parameters(), mode);
  const shape = { batch, length, accumulation: 1, recompute };
  return { weights, step: recordTrainingStep(architecture, weights, shape, () => 0.01) };
}
