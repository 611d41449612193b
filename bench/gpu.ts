/**
 * The GPU benchmark: decoding, a prompt and training, timed only after a small model has given the same results as on the
 * CPU. Weights are random and made in memory.
 *
 *   npm run bench:gpu                               370M: decoding, also of 256 sequences, a prompt of 2,048, training
 *   npm run bench:gpu -- --engine cuda
 *   npm run bench:gpu -- --size 1.3B --no-training
 *   npm run bench:gpu -- --batch 8 --length 512
 *   npm run bench:gpu -- --recompute 18             of 24 blocks, as many as fit into a given memory
 *   npm run bench:gpu -- --config results/stories/llama --batch 32 --length 512 --out runs/llama
 *                                                   only training, of that config.json, of any kind of model
 *   npm run bench:gpu -- --models                   the sizes of models that people have instead: see gpuModels.ts
 */
import './begin.ts';
import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { readConfig } from '../src/checkpoint/config.ts';
import { CpuEngine } from '../src/engine/cpu/cpuEngine.ts';
import type { Engine } from '../src/engine/engine.ts';
import { createEngine } from '../src/engine/engines.ts';
import { InputError } from '../src/errors.ts';
import { isConfigName, namedConfig } from '../src/model/config.ts';
import type { Recompute } from '../src/train/passGradients.ts';
import {
  InferenceCase,
  type Measurement,
  measure,
  SampledCase,
  SlotsCase,
  type SlotsWanted,
  TrainingCase,
} from './gpuCases.ts';
import { measureGpuModels } from './gpuModels.ts';
import { modelNames } from './modelFiles.ts';
import { outputPath } from './outputPath.ts';
import { measurePyTorch, type PyTorchReport } from './pytorch.ts';

const numbers = ['prompt', 'batch', 'length', 'recompute', 'rounds', 'sequences'] as const;

const options = new Command('npm run bench:gpu --')
  .addOption(
    new Option('--engine <name>', 'engine that computes').choices(['webgpu', 'cuda']).default('webgpu'),
  )
  .option('--size <name>', 'named configuration', '370M')
  .option('--config <folder>', 'measure only training, of this folder’s config.json')
  .option('--prompt <tokens>', 'tokens of the prompt', '2048')
  .option('--batch <sequences>', 'sequences of a training step', '8')
  .option('--length <tokens>', 'tokens of a training sequence', '2048')
  .option('--sequences <count>', 'sequences that advance together', '256')
  .option('--rounds <count>', 'timed runs of each case', '5')
  .option(
    '--recompute <blocks>',
    'blocks whose activations are recomputed, in a case between all and none',
    '18',
  )
  .option('--models [names]', 'measure models of these sizes instead, from GGUF files; default: all')
  .option('--no-training', 'do not measure training')
  .option('--no-pytorch', 'do not compare with PyTorch, even if it is installed')
  .option(
    '--out <path>',
    'where to write the tables, without extension (default: results/gpu, or results/cuda)',
  )
  .parse()
  .opts<
    Record<(typeof numbers)[number] | 'engine' | 'size', string> & {
      config?: string;
      out?: string;
      models?: string | true;
      training: boolean;
      pytorch: boolean;
    }
  >();

if (!isConfigName(options.size))
  throw new InputError(`--size: found ${options.size}, expected a name such as 370M`);
const config = options.config ? await readConfig(options.config) : namedConfig(options.size);
const subject = options.config ?? options.size;
const [prompt, batch, length, recomputed, rounds, sequences] = numbers.map((name) => {
  const value = Number(options[name]);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InputError(`--${name}: found ${options[name]}, expected a positive integer`);
}) as [number, number, number, number, number, number];

if (options.models !== undefined) {
  const { models, engine } = options;
  const out = await outputPath(options.out, engine === 'cuda' ? 'cuda-models' : 'gpu-models');
  await measureGpuModels({ names: modelNames(models), engine, rounds, prompt, out });
  process.exit();
}

interface Row extends Partial<Measurement> {
  readonly name: string;
  readonly tokens: number;
  /** Why a case was not measured. */
  readonly failure?: string;
}

/** Each case has its own engine, so that its memory is only what it needs itself. */
async function row(
  name: string,
  tokens: number,
  body: (engine: Engine) => Promise<Measurement>,
): Promise<Row> {
  console.error(name);
  const engine = await createEngine(options.engine);
  try {
    return { name, tokens, ...(await body(engine)) };
  } catch (error) {
    process.exitCode = 1;
    return { name, tokens, failure: (error as Error).message };
  } finally {
    await engine.dispose();
  }
}

function inference(name: string, tokens: number, times: number): Promise<Row> {
  return row(name, tokens, async (engine) => {
    const { executable, step } = new InferenceCase(engine, config).load(tokens);
    return measure(engine, executable, times, step);
  });
}

function sampled(times: number): Promise<Row> {
  return row('generating, sampled on the GPU', 8, async (engine) => {
    if (config.modelType !== 'hgrn_bit')
      throw new Error(`expected a MatMul-free model, found ${config.modelType}`);
    const one = new SampledCase(engine, config);
    if (one.tokens !== 8) throw new Error(`expected 8 tokens ahead, found ${one.tokens}`);
    return measure(engine, one.executable, times, () => one.step());
  });
}

/** Of slots, with what is returned of each sequence. */
const slotsForms: readonly (readonly [string, SlotsWanted])[] = [
  ['nothing returned', 'none'],
  ['drawn on the GPU', { temperature: 0.8, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 }],
  ['drawn among 40 and 0.95', { temperature: 0.8, topK: 40, topP: 0.95, minP: 0, repetitionPenalty: 1 }],
  ['logits to the host', 'last'],
];

function slots(name: string, wanted: SlotsWanted, times: number): Promise<Row> {
  return row(`${sequences} sequences, a token each, ${name}`, sequences, async (engine) => {
    const one = new SlotsCase(engine, config, sequences, wanted);
    await one.step();
    return measure(engine, one.executable, times, () => one.step());
  });
}

interface TrainingForm {
  /** Activations are recomputed in the backward pass. */
  readonly recompute?: Recompute;
  /** BitLinear as separate ops, like plain modules: the baseline of fusing. */
  readonly plain?: boolean;
}

function training({ recompute = false, plain = false }: TrainingForm): Promise<Row> {
  const again =
    typeof recompute === 'number' ? `, recomputing ${recompute} blocks` : recompute ? ', recomputing' : '';
  const name = `training, ${batch} × ${length}${again}${plain ? ', plain BitLinear' : ''}`;
  return row(name, batch * length, async (engine) => {
    const shape = { batch, length, accumulation: 1, recompute };
    const one = new TrainingCase(engine, config, shape, plain ? 'plain' : 'training');
    const losses: number[] = [];
    const measured = await measure(engine, one.executable, rounds, async () =>
      losses.push((await one.step()).loss),
    );
    if (!(losses.at(-1)! < losses[0]!))
      throw new Error(`training does not learn: losses ${losses.join(', ')}`);
    return measured;
  });
}

/** Logits, losses and norms of a small model. */
async function results(engine: Engine): Promise<number[]> {
  const small = { ...namedConfig('mini', { vocabSize: 512 }), layers: 2 };
  const inference = new InferenceCase(engine, small);
  const found = [];
  for (const length of [1, 100]) found.push(...(await inference.load(length).step()));
  const training = new TrainingCase(engine, small, { batch: 2, length: 40, accumulation: 1 });
  for (let step = 0; step < 3; step++) found.push(...Object.values(await training.step()));
  return found;
}

/** The largest difference from the CPU, relative to the largest number. */
async function check(): Promise<number> {
  const [gpu, cpu] = [await createEngine(options.engine), await CpuEngine.create({ threads: 1 })];
  const [found, expected] = [await results(gpu), await results(cpu)];
  await Promise.all([gpu.dispose(), cpu.dispose()]);
  const largest = Math.max(...expected.map(Math.abs));
  const difference = Math.max(...found.map((value, i) => Math.abs(value - expected[i]!))) / largest;
  // An activation at the edge between two int8 values may round either way, which changes a logit by about 1e-3.
  if (!(difference < 1e-2))
    throw new Error(`GPU and CPU differ by ${difference} of the largest number; not timed`);
  return difference;
}

function format(device: string, difference: number, rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const table = (head: readonly string[], body: readonly (readonly string[])[]) =>
    [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
  const summary = rows.map(({ name, tokens, milliseconds, shaders, bytes, failure }) =>
    failure === undefined
      ? [
          name,
          milliseconds!.toFixed(2),
          shaders!.reduce((sum, shader) => sum + shader.milliseconds, 0).toFixed(2),
          ((1000 * tokens) / milliseconds!).toFixed(0),
          (bytes! / 2 ** 30).toFixed(2),
        ]
      : [name, failure, '', '', ''],
  );
  const details = rows.flatMap(({ name, shaders }) =>
    shaders?.length
      ? [
          `## ${name}`,
          table(
            ['shader', 'dispatches', 'ms'],
            shaders.map((one) => [one.shader, `${one.dispatches}`, one.milliseconds.toFixed(3)]),
          ),
        ]
      : [],
  );
  return `${[
    `# GPU benchmark, ${subject}`,
    `\`npm run bench:gpu\`, ${options.engine}, ${device}, random weights. Medians of ${rounds} runs or more; "shaders" is the device's own ` +
      `time. A small model differed from the CPU by ${difference.toExponential(1)} of its largest number.`,
    table(['case', 'ms', 'shaders ms', 'tokens/s', 'GiB'], summary),
    ...details,
  ].join('\n\n')}\n`;
}

/** PyTorch's figures beside ours, or why there are none. */
function formatPyTorch(report: PyTorchReport | string): string {
  if (typeof report === 'string') return `Not compared with PyTorch: ${report}.`;
  const line = ({ name, tokens, milliseconds, bytes, failure }: PyTorchReport['rows'][number]) =>
    failure === undefined
      ? `| ${name} | ${milliseconds!.toFixed(2)} | ${((1000 * tokens!) / milliseconds!).toFixed(0)} | ${(bytes! / 2 ** 30).toFixed(2)} |`
      : `| ${name} | ${failure} | | |`;
  const how = report.compiled ? 'BitLinear compiled' : 'not compiled';
  return [
    '## The same model in plain PyTorch',
    '',
    `torch ${report.torch} on ${report.device}: float32 parameters, bf16 products, ${how}; for inference the matrices are ` +
      `quantised once. Its logits differed from the golden case by ${report.difference.toExponential(1)}.`,
    '',
    '| case | ms | tokens/s | GiB |',
    '| --- | --- | --- | --- |',
    ...report.rows.map(line),
  ].join('\n');
}

const out = await outputPath(options.out, options.engine === 'cuda' ? 'cuda' : 'gpu');
const difference = await check();
const probe = await createEngine(options.engine);
const device = probe.description;
await probe.dispose();
const { size, config: folder, training: trains } = options;
const ends: TrainingForm[] = [{}, { recompute: true }];
const forms = folder ? ends : trains ? [...ends, { recompute: recomputed }, { plain: true }] : [];
const rows: Row[] = [];
if (!folder) {
  rows.push(await inference('decoding, one sequence', 1, 10 * rounds));
  rows.push(await sampled(10 * rounds));
  for (const [name, wanted] of slotsForms) rows.push(await slots(name, wanted, 4 * rounds));
  rows.push(await inference(`prompt of ${prompt}`, prompt, rounds));
}
for (const form of forms) rows.push(await training(form));
const without = folder ? '--config' : options.pytorch ? undefined : '--no-pytorch';
const pytorch = without ?? (await measurePyTorch({ size, prompt, batch, length, rounds, training: trains }));
const markdown = `${format(device, difference, rows)}\n${formatPyTorch(pytorch)}\n`;
const report = {
  engine: options.engine,
  device,
  size: subject,
  date: new Date().toISOString(),
  difference,
  rows,
  pytorch,
};
await writeFile(`${out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
await writeFile(`${out}.md`, markdown);
console.log(markdown);
