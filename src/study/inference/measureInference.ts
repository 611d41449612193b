/** Memory and latency of one model with random weights: planned to the byte, then measured. */

import { planOnCpu } from '../../engine/cpu/planOnCpu.ts';
import { bytesOf, OutOfMemoryError, readFloats } from '../../engine/engine.ts';
import { GpuError } from '../../engine/webgpu/errors.ts';
import { architectureOf, type KvCacheType } from '../../model/architecture.ts';
import type { ModelConfig } from '../../model/config.ts';
import { RandomWeights } from '../../run/randomWeights.ts';
import { sequenceReader } from '../../run/readers.ts';
import { writeSequence } from '../../run/sequencePages.ts';
import { recordStep, stepMemory, tensorsOf } from '../../run/steps.ts';
import { Turns } from '../../run/turns.ts';
import { type MachineFlags, withMachine } from '../../train/machine.ts';
import { joulesOf } from '../energyUsed.ts';
import { inferenceWeights } from '../inferenceWeights.ts';
import { medianTime } from '../medianTime.ts';
import { matrixParameters } from '../scaling/flops.ts';

export interface InferencePlan {
  /** Bytes of weights; embeddings and other float matrices in 16 bits. */
  readonly weights: number;
  /** Bytes that remember the context. */
  readonly state: number;
  /** Bytes of temporaries while the whole text is read at once. */
  readonly temporaries: number;
}

export interface InferenceMeasurement {
  /** Why there is no measurement. */
  readonly failure?: string;
  /** Bytes that the engine had in use after it read the text. */
  readonly usedBytes?: number;
  /** Milliseconds, medians. */
  readonly forward?: number;
  readonly decode?: number;
  /** Of the whole device, for the whole pass and for one token, where the driver counts them. */
  readonly forwardJoules?: number | undefined;
  readonly decodeJoules?: number | undefined;
}

export interface InferenceCase {
  readonly config: ModelConfig;
  /** Tokens that one forward pass reads. */
  readonly length: number;
  /** Whether generating takes longer after a longer text, so that one must be read before it is timed. */
  readonly remembersAll: boolean;
  /** How keys and values are kept. Default: f32. */
  readonly kvCacheType?: KvCacheType | undefined;
}

/** Most tokens after the text for which energy is measured, so that the context stays near the text's length. */
const maxDecoded = 512;

export function planInference(one: Omit<InferenceCase, 'remembersAll'>): InferencePlan {
  const { weights, memory, program } = prepare(one);
  const sum = (tensors: readonly { bytes: number }[]) =>
    tensors.reduce((total, { bytes }) => total + bytes, 0);
  return {
    weights: sum(weights.all()),
    state: sum(tensorsOf(memory)),
    temporaries: planOnCpu(program).plan.peakBytes,
  };
}

/** Expected figures of a case on one H100 through WebGPU. */
const h100 = { bytesWritten: 1.5e9, products: 150e12, attention: 2e12, start: 4 };

/** Seconds of a whole measurement on one H100. */
export function secondsOf(one: InferenceCase): number {
  const { config, length, remembersAll } = one;
  const passes = 8;
  const operations = 2 * matrixParameters(config) * length;
  const context = remembersAll ? 2 * config.layers * config.hiddenSize * length ** 2 : 0;
  return (
    h100.start +
    planInference(one).weights / h100.bytesWritten +
    passes * (operations / h100.products + context / h100.attention)
  );
}

/** An engine of its own, so that its memory is what this model needs. */
export async function measureInference(
  one: InferenceCase,
  flags: MachineFlags,
  signal: AbortSignal,
): Promise<InferenceMeasurement> {
  const { config, length, remembersAll } = one;
  try {
    return await withMachine(flags, async ({ engine }) => {
      const { architecture, weights, memory, program, ids, logits } = prepare(one);
      const executable = engine.load(program);
      await new RandomWeights().fillSlowly(engine, weights);
      const tokens = Int32Array.from({ length }, (_, i) => (i * 7919 + 13) % config.vocabSize);
      engine.write(ids, bytesOf(tokens));
      if (memory.kind === 'pages') writeSequence(engine, memory.pages, 0);
      const target = new Float32Array(config.vocabSize);
      const pass = async () => {
        await executable.run();
        await readFloats(engine, logits!, target);
      };
      const forward = await medianTime(signal, { rounds: 5 }, pass);
      if (!target.every(Number.isFinite)) throw new Error('logits contain NaN; nothing was timed');
      const { usedBytes } = engine;
      const forwardJoules = await joulesOf(engine, signal, pass);
      const reader = sequenceReader({
        ...{ engine, architecture, weights },
        ...{ vocabulary: config.vocabSize, turns: new Turns() },
      });
      const state = reader.newState();
      if (remembersAll) await reader.run([...tokens], state, 'none', signal);
      const oneMore = async (round: number) => {
        await reader.run([(round * 7919 + 101) % config.vocabSize], state, 'last', signal, target);
      };
      const decode = await medianTime(signal, { rounds: 32 }, oneMore);
      const decodeJoules = await joulesOf(engine, signal, oneMore, maxDecoded);
      return { usedBytes, forward, decode, forwardJoules, decodeJoules };
    });
  } catch (error) {
    // A device out of memory may also just refuse, or be lost. Either way the others can still be measured.
    if (!(error instanceof OutOfMemoryError || error instanceof GpuError)) throw error;
    return { failure: error.message };
  }
}

/** The program of one pass: from an empty state, or into an empty cache. */
function prepare({ config, length, kvCacheType }: Omit<InferenceCase, 'remembersAll'>) {
  const architecture = architectureOf(config, { kvCacheType });
  const weights = inferenceWeights(architecture.parameters());
  const memory = stepMemory(architecture, length);
  const step = recordStep({ architecture, weights }, memory, length, 'last');
  return { architecture, weights, memory, ...step };
}
