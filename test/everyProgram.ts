/** Programs of every kind, of small models of every architecture: for tests that compile what a GPU would run. */
import { architectureOf } from '../src/model/architecture.ts';
import {
  type ArchitectureName,
  attends,
  type ConfigOptions,
  type ModelConfig,
  namedConfig,
} from '../src/model/config.ts';
import { type WeightMode, Weights } from '../src/model/weights.ts';
import { sample, sampleState } from '../src/ops/sample/sample.ts';
import { type Program, record } from '../src/program/record.ts';
import { input } from '../src/program/tensor.ts';
import { recordBatchedStep } from '../src/run/batchedSlots.ts';
import { recordForkedStep } from '../src/run/forkedScorer.ts';
import { recordPaddedStep } from '../src/run/paddedScorer.ts';
import { recordPagedStep } from '../src/run/pagedSlots.ts';
import { recordStep, stepMemory } from '../src/run/steps.ts';
import { recordTrainingStep } from '../src/train/step.ts';

/** Architectures, each with the kind of weights that it is trained with, and forms of them. */
export const everyModel: readonly (readonly [ArchitectureName, WeightMode, ConfigOptions?])[] = [
  ['matmul-free', 'training'],
  ['matmul-free', 'plain'],
  ['rwkv', 'training'],
  ['llama', 'training'],
  ['bitnet', 'training'],
  ['qwen3', 'training'],
  ['matmul-free', 'training', { weights: 'float' }],
  ['bitnet', 'training', { scores: 'ternary' }],
];

/** A small model; attention has heads as large as its kernels on tensor cores take. */
function smallConfig(architecture: ArchitectureName, form: ConfigOptions): ModelConfig {
  const config = namedConfig('mini', { vocabSize: 512, layers: 2, architecture, ...form });
  if (!attends(config)) return config;
  const heads = config.hiddenSize / 128;
  return { ...config, headSize: 128, heads, keyHeads: heads };
}

export function programsOf(
  architectureName: ArchitectureName,
  mode: WeightMode,
  form: ConfigOptions = {},
): Program[] {
  const config = smallConfig(architectureName, form);
  const architecture = architectureOf(config);
  const training = new Weights(architecture.parameters(), mode);
  // Logits of 100 tokens at a time: the head in parts.
  const shape = { batch: 2, length: 160, accumulation: 2, logitBytes: 100 * 4 * 512 };
  const step = recordTrainingStep(architecture, training, shape, () => 0.1).program;
  const weights = new Weights(architecture.parameters(), 'inference');
  const inference = [1, 3, 256].map((length) => {
    const memory = stepMemory(architecture, length, 512);
    return recordStep({ architecture, weights }, memory, length, 'last').program;
  });
  const sampled = record('a token, sampled', () => {
    sample(input('logits', [1, 512]), sampleState(512, 8));
  });
  const counts = { logits: 2, draws: 6 };
  const slots =
    architecture.memory === 'states'
      ? recordBatchedStep({ architecture, weights }, architecture.states(9), 12, counts)
      : recordPagedStep(
          ...[
            { architecture, weights },
            { tensors: architecture.pools(5), pages: input('pages', [9, 4], 'i32') },
          ],
          ...[12, counts],
        );
  const scored =
    architecture.memory === 'states'
      ? [true, false].map(
          (isScored) =>
            recordForkedStep({ architecture, weights }, architecture.states(6), 96, isScored).program,
        )
      : [recordPaddedStep({ architecture, weights }, 3, 48, 64).program];
  return [step, ...inference, sampled, slots.program, ...scored];
}
