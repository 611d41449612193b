import { describe, expect, it } from 'vitest';
import { cpuEngines, cuda, webGpu } from '../../test/engines.ts';
import { expectClose } from '../../test/opSuite.ts';
import { bytesOf, type Engine, readFloats } from '../engine/engine.ts';
import { ReferenceEngine } from '../engine/reference/referenceEngine.ts';
import { architectureOf } from '../model/architecture.ts';
import { namedConfig } from '../model/config.ts';
import { type WeightMode, Weights } from '../model/weights.ts';
import { settingsVector } from '../ops/adamw/adamw.ts';
import { crossEntropy } from '../ops/crossEntropy/crossEntropy.ts';
import { gradients } from '../ops/gradients.ts';
import { planMemory } from '../program/plan.ts';
import { output, record } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';
import { initialise } from '../run/initialise.ts';
import { passInputs, recordTrainingStep } from './step.ts';

const vocabSize = 50;
const both = ['matmul-free', 'bitnet'] as const;
const shape = { batch: 2, length: 12, accumulation: 2 };

function modelOf(architecture: (typeof both)[number]) {
  const sizes = { vocabSize, layers: 2, hiddenSize: 32, intermediateSize: 48 };
  return architectureOf(namedConfig('tiny', { ...sizes, architecture }));
}

/** Loss and gradients of two passes by parameter name. */
async function run(engine: Engine, model: ReturnType<typeof modelOf>, mode: WeightMode) {
  const specs = model.parameters();
  const weights = new Weights(specs, mode);
  initialise(engine, specs, weights, 5);
  const inputs = passInputs(shape);
  const found = new Map<string, Tensor>();
  const program = record(mode, () => {
    let sums = new Map<Tensor, Tensor>();
    for (const { ids, labels } of inputs) {
      const logits = model.head(weights, model.forward(weights, ids).hidden.at(-1)!);
      const loss = crossEntropy(logits, labels);
      found.set('loss', output(loss));
      sums = gradients(loss, weights.all(), { sums });
    }
    for (const [weight, gradient] of sums) found.set(weight.name, output(gradient));
  });
  inputs.forEach(({ ids, labels }, pass) => {
    const tokens = Int32Array.from({ length: ids.size }, (_, i) => (i * 7 + 13 * pass) % vocabSize);
    engine.write(ids, bytesOf(tokens));
    engine.write(labels, bytesOf(tokens.map((token) => (token + 7) % vocabSize)));
  });
  await engine.load(program).run();
  const values = new Map<string, Float32Array>();
  for (const [name, tensor] of found) values.set(name, await readFloats(engine, tensor));
  return { program, values };
}

const reference = { name: 'reference', skip: false, create: async () => new ReferenceEngine() };
const engines = [
  { ...reference, architectures: both, tolerance: 1e-6 }, // computes in float64, and is read in f32
  // One activation in ten thousand rounds to the other neighbour where its sums are rounded otherwise, and a gradient
  // moves by a part of 1/127 of an entry.
  { ...cpuEngines[2]!, architectures: both, tolerance: 5e-3 },
  { ...webGpu, architectures: both.slice(0, 1), tolerance: 5e-3 }, // drivers in software compile for long
  { ...cuda, architectures: both, tolerance: 5e-3 },
];

describe.for(engines)('plain projections on $name', ({ skip, create, tolerance, architectures }) => {
  it.skipIf(skip).for(architectures)('give the loss and the gradients of fused ones: %s', async (name) => {
    const engine = await create();
    try {
      const model = modelOf(name);
      const [fused, plain] = [await run(engine, model, 'training'), await run(engine, model, 'plain')];
      expect(plain.program.calls.map(({ op }) => op.name)).not.toContain(
        { 'matmul-free': 'bitLinear', bitnet: 'ternaryLinear' }[name],
      );
      expect([...plain.values.keys()]).toEqual([...fused.values.keys()]);
      for (const [parameter, expected] of fused.values)
        expectClose(parameter, plain.values.get(parameter)!, expected, tolerance);
    } finally {
      await engine.dispose();
    }
  });
});

describe('a training step with plain projections', () => {
  it('learns as the fused one does', async () => {
    const engine = await cpuEngines[2]!.create();
    try {
      const [fused, plain] = [await losses(engine, 'training'), await losses(engine, 'plain')];
      plain.forEach((loss, step) => {
        expect(Math.abs(loss - fused[step]!)).toBeLessThan(0.01); // rounding, amplified by AdamW's first steps
      });
      expect(plain.at(-1)).toBeLessThan(plain[0]! - 0.5);
    } finally {
      await engine.dispose();
    }
  });

  it('takes more memory: float activations of every projection, and float matrices', () => {
    const model = modelOf('matmul-free');
    const bytes = (mode: WeightMode) => {
      const weights = new Weights(model.parameters(), mode);
      const long = { batch: 8, length: 128, accumulation: 1 };
      return planMemory(recordTrainingStep(model, weights, long, () => 0).program).peakBytes;
    };
    const perToken = 2 * (5 * 32 + 48) + 32; // numbers of ŷ: i, f, g, o, gate and down of each layer, and the head
    expect(bytes('plain')).toBeGreaterThan(bytes('training') + 0.7 * 4 * 8 * 128 * perToken);
  });
});

async function losses(engine: Engine, mode: WeightMode): Promise<number[]> {
  const model = modelOf('matmul-free');
  const specs = model.parameters();
  const weights = new Weights(specs, mode);
  initialise(engine, specs, weights, 5);
  const step = recordTrainingStep(model, weights, { ...shape, accumulation: 1 }, () => 0.1);
  const executable = engine.load(step.program);
  const found: number[] = [];
  const [{ ids, labels }] = step.inputs as [(typeof step.inputs)[0]];
  for (let count = 1; count <= 10; count++) {
    const tokens = Int32Array.from({ length: ids.size }, (_, i) => (i * 7) % vocabSize);
    engine.write(ids, bytesOf(tokens));
    engine.write(labels, bytesOf(tokens.map((token) => (token + 7) % vocabSize)));
    const rates = { learningRate: 0.01, beta1: 0.9, beta2: 0.95, epsilon: 1e-8 };
    engine.write(step.settings, bytesOf(settingsVector({ ...rates, step: count, maxNorm: 1 })));
    await executable.run();
    found.push((await readFloats(engine, step.losses[0]!))[0]!);
  }
  return found;
}
