import { describe, expect, it } from 'vitest';
import { cpuEngines, cuda, webGpu } from '../../test/engines.ts';
import { expectClose } from '../../test/opSuite.ts';
import { bytesOf, type Engine, readFloats } from '../engine/engine.ts';
import { ReferenceEngine } from '../engine/reference/referenceEngine.ts';
import { architectureOf } from '../model/architecture.ts';
import { type ModelConfig, namedConfig } from '../model/config.ts';
import { Weights } from '../model/weights.ts';
import { planMemory } from '../program/plan.ts';
import { output, record } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';
import { initialise } from '../run/initialise.ts';
import { type PassOptions, passGradients } from './passGradients.ts';
import { passInputs, recordLoss, recordTrainingStep } from './step.ts';

const vocabSize = 50;
const shape = { batch: 2, length: 11, accumulation: 2 };
const sizes = { vocabSize, layers: 2, hiddenSize: 32, intermediateSize: 48 };
/** Of the 22 tokens of a pass, 6 at a time: the last part is smaller. */
const logitBytes = 6 * 4 * vocabSize;

const llama = namedConfig('tiny', { ...sizes, architecture: 'llama' });
const configs: Readonly<Record<string, ModelConfig>> = {
  'MatMul-free': namedConfig('tiny', sizes),
  llama,
  'llama whose head is its embedding': { ...llama, tieWordEmbeddings: true },
  'qwen3 with biases': qwenWithBiases(),
};

/** Heads are wider than the model divided by them, and share keys. */
function qwenWithBiases(): ModelConfig {
  const qwen = namedConfig('tiny', { ...sizes, architecture: 'qwen3' });
  return { ...qwen, heads: 4, keyHeads: 2, headSize: 12, attentionBias: true, mlpBias: true };
}

interface Recorded {
  readonly engine: Engine;
  /** Of each pass. */
  readonly losses: readonly Tensor[];
  readonly sums: ReadonlyMap<Tensor, Tensor>;
  run(): Promise<void>;
}

/** Two passes, in which some tokens have no label. */
function load(engine: Engine, config: ModelConfig, options: Partial<PassOptions>): Recorded {
  const architecture = architectureOf(config);
  const specs = architecture.parameters();
  const weights = new Weights(specs, 'training');
  initialise(engine, specs, weights, 5);
  const inputs = passInputs(shape);
  const losses: Tensor[] = [];
  let sums: ReadonlyMap<Tensor, Tensor> = new Map();
  const program = record('two passes', () => {
    for (const pass of inputs) {
      const done = passGradients({ architecture, weights }, pass, weights.all(), { ...options, sums });
      sums = done.sums;
      losses.push(output(done.loss));
    }
    sums.forEach((gradient) => output(gradient));
  });
  inputs.forEach(({ ids, labels, share }, pass) => {
    engine.write(share!, bytesOf(Float32Array.of(1)));
    const tokens = Int32Array.from({ length: ids.size }, (_, i) => (i * 7 + 13 * pass) % vocabSize);
    engine.write(ids, bytesOf(tokens));
    engine.write(labels, bytesOf(tokens.map((token, i) => (i % 5 === 2 ? -100 : (token + 7) % vocabSize))));
  });
  const executable = engine.load(program);
  return { engine, losses, sums, run: () => executable.run() };
}

async function values({ engine, losses, sums, run }: Recorded): Promise<Map<string, Float32Array>> {
  await run();
  const found = new Map<string, Float32Array>();
  for (const [pass, loss] of losses.entries()) found.set(`loss ${pass}`, await readFloats(engine, loss));
  for (const [weight, gradient] of sums) found.set(weight.name, await readFloats(engine, gradient));
  return found;
}

const engines = [
  // The reference computes in float64, and is read in f32; elsewhere sums over tokens are taken in another order.
  { name: 'reference', skip: false, create: async () => new ReferenceEngine(), tolerance: 1e-6 },
  { ...cpuEngines[2]!, tolerance: 2e-5 },
  { ...webGpu, tolerance: 2e-3 }, // on tensor cores, operands of eleven bits
  { ...cuda, tolerance: 2e-5 },
];

describe.for(engines)('the head in parts on $name', ({ name, skip, create, tolerance }) => {
  // Drivers in software compile for long.
  const some = Object.keys(configs).slice(0, name === 'webgpu' ? 1 : undefined);

  it.skipIf(skip).for(some)('gives the loss and gradients of all at once: %s', async (model) => {
    const engine = await create();
    try {
      const whole = await values(load(engine, configs[model]!, {}));
      const recompute = model === 'llama';
      const inParts = await values(load(engine, configs[model]!, { logitBytes, recompute }));
      expect([...inParts.keys()]).toEqual([...whole.keys()]);
      for (const [tensor, expected] of whole) expectClose(tensor, inParts.get(tensor)!, expected, tolerance);
    } finally {
      await engine.dispose();
    }
  });
});

describe('the head in parts', () => {
  const small = { hiddenSize: 16, intermediateSize: 24, layers: 1, headSize: 4 };
  it.for([
    { name: 'llama', config: { ...llama, ...small } },
    { name: 'a tied head', config: { ...llama, ...small, tieWordEmbeddings: true } },
    { name: 'qwen3 with biases', config: { ...qwenWithBiases(), ...small } },
  ])('has the gradients of finite differences: $name', async ({ config }) => {
    const engine = new ReferenceEngine();
    const recorded = load(engine, config, { logitBytes });
    const loss = async () => {
      await recorded.run();
      return recorded.losses.reduce((sum, tensor) => sum + engine.data(tensor)[0]!, 0);
    };
    await loss();
    const analyses = [...recorded.sums].map(([weight, sum]) => [weight, engine.data(sum).slice()] as const);
    for (const [weight, gradient] of analyses) {
      const data = engine.data(weight);
      for (const i of [0, Math.floor(data.length / 3), data.length - 1]) {
        const x = data[i]!;
        data[i] = x + 1e-5;
        const above = await loss();
        data[i] = x - 1e-5;
        const below = await loss();
        data[i] = x;
        expect(gradient[i], `${weight.name}[${i}]`).toBeCloseTo((above - below) / 2e-5, 7);
      }
    }
  });

  it('tells once of each gradient that is complete', () => {
    const architecture = architectureOf(configs['MatMul-free']!);
    const weights = new Weights(architecture.parameters(), 'training');
    for (const recompute of [false, true]) {
      const complete = new Map<Tensor, Tensor>();
      let sums: ReadonlyMap<Tensor, Tensor> = new Map();
      record('two passes', () => {
        for (const [index, pass] of passInputs(shape).entries()) {
          const onComplete = (tensor: Tensor, gradient: Tensor) => {
            expect(complete.has(tensor)).toBe(false);
            complete.set(tensor, gradient);
          };
          const options = { recompute, logitBytes, sums, ...(index === 1 ? { onComplete } : {}) };
          sums = passGradients({ architecture, weights }, pass, weights.all(), options).sums;
        }
      });
      expect(complete).toEqual(sums);
      expect(complete.size).toBe(weights.all().length);
    }
  });

  it('never has all logits in memory, in training and in validation', () => {
    const architecture = architectureOf({ ...configs['MatMul-free']!, vocabSize: 4000 });
    const weights = new Weights(architecture.parameters(), 'training');
    const long = { batch: 4, length: 64, accumulation: 1 };
    const plan = (bound?: number) =>
      planMemory(recordTrainingStep(architecture, weights, { ...long, logitBytes: bound }, () => 0).program);
    const [all, part] = [4 * 256 * 4000, 4 * 32 * 4000];
    const saved = plan().peakBytes - plan(part).peakBytes;
    // A gradient of the head, 4000 × 32, is in addition held beside its sum.
    expect(saved).toBeGreaterThan(all - part - 2 * 4 * 4000 * 32);
    const validation = recordLoss(architecture, weights, { ...long, logitBytes: part }).program;
    expect(planMemory(validation).peakBytes).toBeLessThan(all / 2);
  });
});
