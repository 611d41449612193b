/**
 * The sizes of models that people have, on a GPU: `npm run bench:gpu -- --models`. Each is a GGUF file of random weights
 * (modelFiles.ts). It is timed only after it has given the CPU's logits. Writes results/gpu-models.json and .md after
 * each model.
 */
import { writeFile } from 'node:fs/promises';
import { bytesOf, type Engine } from '../src/engine/engine.ts';
import { createEngine } from '../src/engine/engines.ts';
import type { ModelParts } from '../src/languageModel.ts';
import { loadIntoEngine } from '../src/loadModel.ts';
import { type AttentionArchitecture, type KeyValuePages, lastHidden } from '../src/model/architecture.ts';
import { SequencePages, writeSequence } from '../src/run/sequencePages.ts';
import { recordStep } from '../src/run/steps.ts';
import { TokenSampler } from '../src/run/tokenSampler.ts';
import { type Measurement, measure } from './gpuCases.ts';
import { type ModelName, modelFile } from './modelFiles.ts';
import { promptOf } from './protocol.ts';
import { modelsFolder } from './randomModel.ts';

export interface GpuModelsOptions {
  readonly names: readonly ModelName[];
  readonly engine: string;
  readonly rounds: number;
  /** Tokens of the prompt, and in the cache while decoding. */
  readonly prompt: number;
  /** Path of the tables, without extension. */
  readonly out: string;
}

interface Row {
  readonly model: string;
  readonly tokens: number;
  readonly loadSeconds?: number;
  /** Largest difference from the CPU's logits, relative to the largest logit. */
  readonly difference?: number;
  readonly decode?: Measurement;
  /** Batches of tokens that the device draws by itself, as `generate` does. */
  readonly sampled?: Measurement & { readonly tokensARun: number };
  readonly prefill?: Measurement;
  /** Why it was not measured. */
  readonly failure?: string;
}

/** Random weights bring many activations near the edge between two int8 values, which may round either way. */
const maxDifference = 0.05;

export async function measureGpuModels(options: GpuModelsOptions): Promise<void> {
  const { names, engine, out } = options;
  const probe = await createEngine(engine);
  const device = probe.description;
  await probe.dispose();
  const rows: Row[] = [];
  for (const model of names) {
    console.error(`${model}, ${engine}`);
    rows.push(
      await rowOf(model, options).catch((error: Error) => {
        process.exitCode = 1;
        return { model, tokens: options.prompt, failure: error.message };
      }),
    );
    const report = { engine, device, date: new Date().toISOString(), rounds: options.rounds, rows };
    await writeFile(`${out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
    await writeFile(`${out}.md`, markdown(report));
  }
  console.log(markdown({ engine, device, date: new Date().toISOString(), rounds: options.rounds, rows }));
}

async function rowOf(name: ModelName, options: GpuModelsOptions): Promise<Row> {
  const { path } = await modelFile(name, modelsFolder);
  const expected = await withModel(path, 'cpu', async ({ parts }) => logitsOf(parts, checkedTokens));
  return withModel(path, options.engine, async ({ parts, seconds }) => {
    const difference = relativeDifference(await logitsOf(parts, checkedTokens), expected);
    const row = { model: name, tokens: options.prompt, loadSeconds: seconds, difference };
    if (!(difference < maxDifference)) {
      return { ...row, failure: `logits differ from the CPU's by ${difference} of the largest; not timed` };
    }
    const { engine } = parts;
    const decode = stepOf(parts, 1, options.prompt);
    const sampled = samplingOf(parts, options.prompt);
    const prefill = stepOf(parts, options.prompt, 0);
    const drawn = await measure(engine, sampled.executable, 10 * options.rounds, sampled.run);
    return {
      ...row,
      sampled: { ...drawn, tokensARun: engine.samplesAhead },
      decode: await measure(engine, decode.executable, 10 * options.rounds, decode.run),
      prefill: await measure(engine, prefill.executable, options.rounds, prefill.run),
    };
  });
}

async function withModel<T>(
  path: string,
  engineName: string,
  use: (loaded: { readonly parts: ModelParts; readonly seconds: number }) => Promise<T>,
): Promise<T> {
  const start = performance.now();
  let engine: Engine | undefined;
  const create = async () => {
    engine = await createEngine(engineName);
    return engine;
  };
  try {
    const parts = await loadIntoEngine(path, create, {});
    return await use({ parts, seconds: (performance.now() - start) / 1000 });
  } finally {
    await engine?.dispose();
  }
}

/** Tokens of the comparison with the CPU. */
const checkedTokens = 8;

async function logitsOf(parts: ModelParts, length: number): Promise<Float32Array> {
  return stepOf(parts, length, 0).run();
}

/** Reads `length` tokens after `held` others, and the logits of the last one. */
function stepOf({ engine, weights, architecture, config }: ModelParts, length: number, held: number) {
  const attending = architecture as AttentionArchitecture; // as all shapes of modelFiles.ts
  const pages = new SequencePages(attending, length + held).ofStep(length);
  const recorded = recordStep({ architecture, weights }, { kind: 'pages', pages }, length, 'last');
  const executable = engine.load(recorded.program);
  engine.write(recorded.ids, bytesOf(Int32Array.from(promptOf(config.vocabSize, length))));
  writeSequence(engine, pages, held);
  const target = new Float32Array(config.vocabSize);
  const run = async () => {
    await executable.run([{ tensor: recorded.logits!, target: bytesOf(target) }]);
    return target.slice();
  };
  return { executable, run };
}

/** Draws as many tokens as the engine draws ahead, after `held` others. */
function samplingOf({ engine, weights, architecture, config }: ModelParts, held: number) {
  const attending = architecture as AttentionArchitecture;
  const all = new SequencePages(attending, held + engine.samplesAhead);
  const sampler = new TokenSampler(engine, config.vocabSize);
  let pages: KeyValuePages | undefined;
  const program = sampler.record((next, position) => {
    pages = all.ofStep(1, position);
    return attending.head(weights, lastHidden(attending.forward(weights, next, pages)));
  });
  const executable = engine.load(program);
  writeSequence(engine, pages!, held);
  sampler.begin([], { temperature: 0.8, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 });
  const uniforms = Array.from({ length: engine.samplesAhead }, (_, i) => (i * 0.618) % 1);
  const run = () => {
    sampler.setLast(1, held);
    return sampler.next(executable, uniforms);
  };
  return { executable, run };
}

function relativeDifference(found: Float32Array, expected: Float32Array): number {
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return found.reduce((max, value, i) => Math.max(max, Math.abs(value - expected[i]!)), 0) / largest;
}

function markdown({
  engine,
  device,
  date,
  rounds,
  rows,
}: {
  readonly engine: string;
  readonly device: string;
  readonly date: string;
  readonly rounds: number;
  readonly rows: readonly Row[];
}): string {
  const cells = ({ model, tokens, loadSeconds, difference, decode, sampled, prefill, failure }: Row) =>
    failure === undefined
      ? [
          model,
          (decode!.bytes / 1e6).toFixed(0),
          loadSeconds!.toFixed(1),
          decode!.milliseconds.toFixed(2),
          (sampled!.milliseconds / sampled!.tokensARun).toFixed(2),
          shaderTime(decode!).toFixed(2),
          ((1000 * tokens) / prefill!.milliseconds).toFixed(0),
          difference!.toExponential(1),
        ]
      : [model, failure, '', '', '', '', '', ''];
  return `${[
    '# Models that people have, on a GPU',
    '',
    `\`npm run bench:gpu -- --models --engine ${engine}\`, ${date.slice(0, 10)}: ${device}. Random weights in the models' sizes ` +
      `and types, from GGUF files; medians of ${rounds} runs or more. Decode includes reading all logits; “sampled”: one of the ` +
      `tokens that the device draws and reads by itself, as \`generate\` does; “kernels” is ` +
      "the device's own time, where each kernel runs by itself. “difference” is that from the CPU's logits, of the largest.",
    '',
    '| model | GPU MB | load s | decode ms | sampled ms | kernels ms | prompt tokens/s | difference |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) => `| ${cells(row).join(' | ')} |`),
  ].join('\n')}\n`;
}

function shaderTime({ shaders }: Measurement): number {
  return shaders.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
}
