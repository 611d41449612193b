/** What only tensor cores read is bf16 in memory, and a training step is what it was but for that rounding. */
import { describe, expect, it } from 'vitest';
import { cudaInHalves } from '../../../../test/engines.ts';
import { expectClose } from '../../../../test/opSuite.ts';
import { isProduct } from '../../../kernels/cuda/launch.ts';
import { architectureOf } from '../../../model/architecture.ts';
import { type ArchitectureName, namedConfig } from '../../../model/config.ts';
import { Weights } from '../../../model/weights.ts';
import { settingsVector } from '../../../ops/adamw/adamw.ts';
import { linearOp } from '../../../ops/linear/linear.ts';
import type { Op } from '../../../program/op.ts';
import { initialise } from '../../../run/initialise.ts';
import { recordStep, stepMemory } from '../../../run/steps.ts';
import { recordTrainingStep } from '../../../train/step.ts';
import { CpuEngine } from '../../cpu/cpuEngine.ts';
import { bytesOf, type Engine, readFloats } from '../../engine.ts';
import { planSteps } from '../steps.ts';
import { fuse } from './fuse.ts';

const shape = { batch: 2, length: 80, accumulation: 1 };
const features = { minHalfWork: 2 ** 16, processors: 132, sharedBytes: 227 * 1024, parameterBytes: 4096 };

function stepOf(architectureName: ArchitectureName) {
  const sizes = { layers: 2, hiddenSize: 64, intermediateSize: 128, vocabSize: 64 };
  const architecture = architectureOf(namedConfig('tiny', { ...sizes, architecture: architectureName }));
  const weights = new Weights(architecture.parameters(), 'training');
  return { architecture, weights, step: recordTrainingStep(architecture, weights, shape, () => 0.1) };
}

it('converts nothing but weights while a Transformer trains', () => {
  const { program } = stepOf('llama').step;
  const { steps } = planSteps(fuse(program, features), features);
  const launches = steps.flatMap((step) => (isProduct(step) ? [] : [step]));
  const converted = launches.flatMap(({ kernel, tensors }) =>
    kernel.startsWith('narrow') ? [tensors.x] : [],
  );
  expect(converted.length).toBeGreaterThan(0);
  expect(converted.filter((x) => x?.kind !== 'variable').map(String)).toEqual([]);
  const kernels = launches.map(({ kernel }) => kernel);
  expect(kernels).toContain('attentionOnTensorCores.64');
});

it('has norms and gates store what products with weights of f16 take', () => {
  const { architecture } = stepOf('llama');
  const specs = architecture.parameters();
  const halves = specs.filter(({ role }) => role === 'matrix').map(({ name }) => [name, 'f16'] as const);
  const weights = new Weights(specs, 'inference', new Map(halves));
  const memory = stepMemory(architecture, 160);
  const { program } = recordStep({ architecture, weights }, memory, 160, 'last');
  const { calls } = fuse(program, features);
  const read = calls.filter(({ op }) => op === (linearOp as Op)).map(({ inputs }) => inputs.x!.dtype);
  // What attention gives is converted; the head sees one token.
  expect(read).toEqual([...layerOfPrompt, ...layerOfPrompt, 'f32']);
});

const layerOfPrompt = ['f16', 'f16', 'f16', 'f32', 'f16', 'f16', 'f16'];

describe.skipIf(cudaInHalves.skip)(cudaInHalves.name, () => {
  it.for<ArchitectureName>(['llama', 'bitnet', 'qwen3'])(
    'has the gradients of the CPU, to the digits of bf16: %s',
    async (name) => {
      const gradients = async (engine: Engine) => {
        const { architecture, weights, step } = stepOf(name);
        const executable = engine.load(step.program);
        initialise(engine, architecture.parameters(), weights, 1);
        const ids = Int32Array.from({ length: shape.batch * shape.length }, (_, i) => (i * i + 3 * i) % 64);
        engine.write(step.inputs[0]!.ids, bytesOf(ids));
        engine.write(step.inputs[0]!.labels, bytesOf(ids.map((id) => (5 * id + 1) % 64)));
        const rates = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8 };
        engine.write(step.settings, bytesOf(settingsVector({ ...rates, step: 1, maxNorm: 1 })));
        await executable.run();
        // The first moment after one step is a tenth of the gradient.
        const moments = [...step.program.assignments.values()].filter((one) => one.name.endsWith('.m'));
        const found = new Map([['loss', await readFloats(engine, step.losses[0]!)]]);
        for (const moment of moments) found.set(moment.name, await readFloats(engine, moment));
        await engine.dispose();
        return found;
      };
      const expected = await gradients(await CpuEngine.create({ threads: 0 }));
      const found = await gradients(await cudaInHalves.create());
      expect(expected.size).toBeGreaterThan(10);
      // Among them are roundings to int8 that fall to the other side.
      for (const [moment, values] of expected) expectClose(moment, found.get(moment)!, values, 0.05);
    },
  );
});
