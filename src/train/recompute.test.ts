import { expect, it } from 'vitest';
import { CpuEngine } from '../engine/cpu/cpuEngine.ts';
import { bytesOf, readFloats } from '../engine/engine.ts';
import { architectureOf } from '../model/architecture.ts';
import { namedConfig } from '../model/config.ts';
import { Weights } from '../model/weights.ts';
import { settingsVector } from '../ops/adamw/adamw.ts';
import { initialise } from '../run/initialise.ts';
import type { Recompute } from './passGradients.ts';
import { recordTrainingStep } from './step.ts';

const config = { ...namedConfig('tiny', { vocabSize: 64 }), layers: 4 };
const [batch, length] = [8, 128];

/** Losses of three steps, the weights after them, and the bytes of temporaries. */
async function train(recompute: Recompute) {
  const engine = await CpuEngine.create({ threads: 2, poison: true });
  const architecture = architectureOf(config);
  const specs = architecture.parameters();
  const weights = new Weights(specs, 'training');
  initialise(engine, specs, weights, 5);
  const shape = { batch, length, accumulation: 2, recompute };
  const step = recordTrainingStep(architecture, weights, shape, () => 0.1);
  const executable = engine.load(step.program);
  const losses: number[] = [];
  for (let count = 1; count <= 3; count++) {
    step.inputs.forEach(({ ids, labels, share }, pass) => {
      engine.write(share!, bytesOf(Float32Array.of(0.5)));
      const tokens = Int32Array.from({ length: ids.size }, (_, i) => (i * 7 + 13 * count + pass) % 64);
      engine.write(ids, bytesOf(tokens));
      engine.write(labels, bytesOf(tokens.map((token) => (token + 7) % 64)));
    });
    const rates = { learningRate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8 };
    engine.write(step.settings, bytesOf(settingsVector({ ...rates, step: count, maxNorm: 1 })));
    await executable.run();
    for (const loss of step.losses) losses.push((await readFloats(engine, loss))[0]!);
  }
  const values = await Promise.all(weights.all().map((tensor) => readFloats(engine, tensor)));
  const calls = step.program.calls.filter(({ op }) => op.name === 'bitLinear').length;
  await engine.dispose();
  return { losses, values, calls, bytes: executable.plan.peakBytes };
}

it('computes activations again, to the same bits and in less memory', async () => {
  const [kept, recomputed] = [await train(false), await train(true)];
  expect(recomputed.losses).toEqual(kept.losses);
  expect(recomputed.values).toEqual(kept.values);
  expect(recomputed.bytes).toBeLessThan(0.6 * kept.bytes);
  // In both passes: i, f, g, o and the gate of each block, but of all `down` only the last one, which the final norm reads.
  expect(recomputed.calls - kept.calls).toBe(2 * (5 * config.layers + 1));
});

it('computes those of some blocks again, for memory in between', async () => {
  const [kept, some, all] = [await train(false), await train(2), await train(true)];
  expect(some.losses).toEqual(kept.losses);
  expect(some.values).toEqual(kept.values);
  expect(some.bytes).toBeLessThan(kept.bytes);
  expect(some.bytes).toBeGreaterThan(all.bytes);
  expect(some.calls - kept.calls).toBe(2 * 5 * 2);
});
