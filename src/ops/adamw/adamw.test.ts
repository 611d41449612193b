import { describe, expect, it } from 'vitest';
import { gpuEngines } from '../../../test/engines.ts';
import { expectClose } from '../../../test/opSuite.ts';
import { CpuEngine } from '../../engine/cpu/cpuEngine.ts';
import { bytesOf, type Engine, readFloats } from '../../engine/engine.ts';
import { ReferenceEngine } from '../../engine/reference/referenceEngine.ts';
import { output, record } from '../../program/record.ts';
import { input, type Tensor, variable } from '../../program/tensor.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { adamw, settingsInput, settingsVector } from './adamw.ts';

const shapes = [[1], [5], [33], [7, 19], [64, 70]];

/** Parameters, moments and clip after three steps on fresh gradients. */
async function threeSteps(engine: Engine, maxNorm: number): Promise<Float32Array[]> {
  const random = new SeededRandom(5);
  const trained = shapes.map((shape, index) => ({
    weight: variable(`w${index}`, shape),
    m: variable(`m${index}`, shape),
    v: variable(`v${index}`, shape),
    decay: index % 2 ? 0.1 : 0,
  }));
  const gradients = new Map(trained.map(({ weight }) => [weight, input(`g ${weight.name}`, weight.shape)]));
  const settings = settingsInput();
  let clip: Tensor | undefined;
  const program = record('step', () => {
    clip = output(adamw(trained, (weight) => gradients.get(weight)!, settings));
  });
  for (const { weight } of trained)
    engine.write(weight, bytesOf(random.fillNormal(new Float32Array(weight.size))));
  const executable = engine.load(program);
  for (const step of [1, 2, 3]) {
    for (const gradient of gradients.values()) {
      engine.write(gradient, bytesOf(random.fillNormal(new Float32Array(gradient.size), 0.1)));
    }
    const rates = { learningRate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8 };
    engine.write(settings, bytesOf(settingsVector({ ...rates, step, maxNorm })));
    await executable.run();
  }
  const tensors = [...trained.flatMap(({ weight, m, v }) => [weight, m, v]), clip!];
  return Promise.all(tensors.map((tensor) => readFloats(engine, tensor)));
}

describe('adamw', () => {
  for (const maxNorm of [1, Number.POSITIVE_INFINITY]) {
    it(`matches the reference for any number of threads, clipped at ${maxNorm}`, async () => {
      const expected = await threeSteps(new ReferenceEngine(), maxNorm);
      const byThreads: Float32Array[][] = [];
      for (const threads of [0, 1, 2, 3]) {
        const engine = await CpuEngine.create({ threads, poison: true });
        byThreads.push(await threeSteps(engine, maxNorm));
        await engine.dispose();
      }
      for (const found of byThreads) {
        found.forEach((values, index) => {
          expectClose(`tensor ${index}`, values, expected[index]!, 2e-6);
        });
        expect(found).toEqual(byThreads[0]);
      }
      expect(expected.at(-1)![1]! < 1).toBe(maxNorm === 1);
    });

    for (const { name, skip, create } of gpuEngines) {
      it.skipIf(skip)(`matches the reference on ${name}, clipped at ${maxNorm}`, async () => {
        const expected = await threeSteps(new ReferenceEngine(), maxNorm);
        const engine = await create();
        const found = await threeSteps(engine, maxNorm);
        await engine.dispose();
        // The device's square roots and divisions may be off by a few units in the last place.
        found.forEach((values, index) => {
          expectClose(`tensor ${index}`, values, expected[index]!, 4e-6);
        });
      });
    }
  }
});
