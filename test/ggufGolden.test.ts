/**
 * Golden GGUF files: small models in every packed type, each with the logits of a float64 forward pass of its weights
 * (int8 activations where the model was trained so, float ones otherwise).
 */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Checkpoint } from '../src/checkpoint/checkpoint.ts';
import { loadParameters } from '../src/checkpoint/load.ts';
import { SafetensorsFile } from '../src/checkpoint/safetensors.ts';
import { CpuEngine } from '../src/engine/cpu/cpuEngine.ts';
import { bytesOf, type Engine, readFloats } from '../src/engine/engine.ts';
import { ReferenceEngine } from '../src/engine/reference/referenceEngine.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { Weights } from '../src/model/weights.ts';
import { output, record } from '../src/program/record.ts';
import { input } from '../src/program/tensor.ts';
import { EngineParameterStore } from '../src/run/store.ts';
import { type EngineUnderTest, gpuEngines } from './engines.ts';

const folderOf = (name: string) => fileURLToPath(new URL(`fixtures/golden/gguf/${name}`, import.meta.url));

const engines: EngineUnderTest[] = [
  { name: 'reference', skip: false, create: async () => new ReferenceEngine() },
  { name: 'cpu', skip: false, create: () => CpuEngine.create({ threads: 1, poison: true }) },
  ...gpuEngines,
];

/** Models that round activations to int8, where a sum in f32 may fall on the other side of a half. */
const rounding = ['bitnet-i2s', 'falcon-i2s'];

/**
 * Models of float activations, which are rounded to int8 in blocks, and how far that may move the distributions: some
 * 1.5 times what it does; results/gguf.json has llama.cpp's beside it.
 */
const floats = [
  { one: 'trilm-tq1', nats: 0.015 },
  { one: 'trilm-tq2', nats: 0.015 },
  { one: 'bonsai-q1', nats: 0.0015 },
  { one: 'bonsai-q2-64', nats: 0.0015 },
  { one: 'bonsai-q2-128', nats: 0.0015 },
  { one: 'bonsai-pq2', nats: 0.0015 },
];

for (const { name, skip, create } of engines) {
  describe.skipIf(skip)(`golden GGUF on ${name}`, { timeout: 120_000 }, () => {
    const isReference = name === 'reference';
    // Formulas in plain loops take seconds for what kernels do at once; a beginning depends on nothing after it.
    const length = isReference ? 16 : undefined;
    let engine: Engine;
    beforeAll(async () => {
      engine = await create();
    });
    afterAll(() => engine?.dispose());

    it.each(rounding)('%s: logits', async (one) => {
      const { ids, shape, logits } = await expectedOf(one, length);
      const found = await logitsOf(one, engine, ids, shape, 'inference');
      const differences = differencesOf(found, logits, ids.length);
      if (isReference) return expect(Math.max(...differences)).toBeLessThan(1e-5);
      // One activation that is rounded the other way moves all logits of its position, and of later ones a little.
      expect(differences.filter((one) => one < 2e-4).length).toBeGreaterThan(ids.length / 3);
      expect(divergence(found, logits, ids.length)).toBeLessThan(1e-3);
    });

    it.each(floats)('$one: logits of its weights as floats', async ({ one }) => {
      const { ids, shape, logits } = await expectedOf(one, length);
      const found = await logitsOf(one, engine, ids, shape, 'training');
      const difference = Math.max(...differencesOf(found, logits, ids.length));
      expect(difference).toBeLessThan(isReference ? 1e-5 : 2e-4);
    });

    it.each(floats)('$one: distributions with activations of int8', async ({ one, nats }) => {
      const { ids, shape, logits } = await expectedOf(one, length);
      const found = await logitsOf(one, engine, ids, shape, 'inference');
      expect(divergence(found, logits, ids.length)).toBeLessThan(nats);
    });
  });
}

/** @param length positions of the first sequence; default: of all */
async function expectedOf(name: string, length?: number) {
  await using file = await SafetensorsFile.open(`${folderOf(name)}/expected.safetensors`);
  const ids = new Int32Array((await file.read('input_ids')).buffer);
  const logits = new Float32Array((await file.read('logits')).buffer);
  const { shape, dtype } = file.tensors.get('input_ids')!;
  expect(dtype).toBe('I32');
  if (length === undefined) return { ids, logits, shape };
  const first = logits.subarray(0, (logits.length / ids.length) * length);
  return { ids: ids.slice(0, length), logits: first, shape: [1, length] };
}

async function logitsOf(
  name: string,
  engine: Engine,
  ids: Int32Array,
  shape: readonly number[],
  mode: 'inference' | 'training',
) {
  const checkpoint = await Checkpoint.open(`${folderOf(name)}/model.gguf`);
  const architecture = architectureOf(checkpoint.config);
  const specs = architecture.parameters();
  const store = new EngineParameterStore(engine, (dtypes) => new Weights(specs, mode, dtypes));
  await loadParameters(checkpoint, specs, store, { mode });
  await checkpoint.close();
  const tokens = input('ids', shape, 'i32');
  const program = record('forward', () =>
    output(architecture.head(store.weights(), architecture.forward(store.weights(), tokens).hidden.at(-1)!)),
  );
  engine.write(tokens, bytesOf(ids));
  await engine.load(program).run();
  return readFloats(engine, [...program.outputs][0]!);
}

/** The largest difference of each position. */
function differencesOf(found: Float32Array, expected: Float32Array, positions: number): number[] {
  expect(found.length).toBe(expected.length);
  const width = found.length / positions;
  return Array.from({ length: positions }, (_, t) =>
    found
      .subarray(t * width, (t + 1) * width)
      .reduce((max, value, k) => Math.max(max, Math.abs(value - expected[t * width + k]!)), 0),
  );
}

/** The mean Kullback–Leibler divergence of the found distributions from the expected ones, in nats. */
function divergence(found: Float32Array, expected: Float32Array, positions: number): number {
  const width = found.length / positions;
  let sum = 0;
  for (let t = 0; t < positions; t++) {
    const [p, q] = [expected, found].map((logits) =>
      logProbabilities(logits.subarray(t * width, (t + 1) * width)),
    );
    sum += p!.reduce((total, logP, k) => total + Math.exp(logP) * (logP - q![k]!), 0);
  }
  return sum / positions;
}

function logProbabilities(logits: Float32Array): number[] {
  const max = Math.max(...logits);
  const norm = max + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - max), 0));
  return [...logits].map((x) => x - norm);
}
