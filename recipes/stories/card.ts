/**
 * The card of the stories model, from what was measured:
 * `npx node recipes/stories/card.ts RESULTS [--models FOLDER] [--beside NAME]`.
 *
 *   RESULTS/base/               log.jsonl and training.json of the run; RESULTS/llama/ of the Transformer++ beside it
 *   RESULTS/evaluation/*.json   what `plusminus evaluate --json` printed, for every model and engine
 *
 * Samples are written by the model while the card is made, and are not chosen.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { modelsFolder, storiesModel } from '../../src/checkpoint/bundledModels.ts';
import { reportFailure } from '../../src/cli/failure.ts';
import { InputError } from '../../src/errors.ts';
import { formatBytes, formatCount, formatDuration } from '../../src/format.ts';
import { LanguageModel } from '../../src/languageModel.ts';
import { architectureOf } from '../../src/model/architecture.ts';
import { replaceFile } from '../../src/text/replaceFile.ts';
import { type LogLine, readLog, type StepLine, type ValidationLine } from '../../src/train/log.ts';
import { holdsRun, readRunFile } from '../../src/train/runFile.ts';
import type { TrainingSettings } from '../../src/train/settings.ts';
import { lossTable, type Report, readReports, taskTable } from './cardTables.ts';

const name = 'stories';

/** What the card says of a training. */
export interface Training {
  readonly settings: TrainingSettings;
  readonly engine: string;
  readonly lines: readonly LogLine[];
}

export interface CardFacts {
  readonly parameters: number;
  readonly ternary: number;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabulary: number;
  readonly bytes: number;
  readonly base: Training;
  /** Of a Transformer++ of the same sizes on the same tokens. */
  readonly llama: Training | undefined;
  readonly reports: readonly Report[];
  /** Name of a model in `reports` to set beside this one. */
  readonly beside: string | undefined;
  readonly samples: readonly Sample[];
  /** Markdown on texts and licences. */
  readonly data: string;
}

export interface Sample {
  readonly prompt: string;
  readonly text: string;
}

const openings = [
  'Once upon a time',
  'The old king had three daughters',
  'One day, a little girl named Lily',
  '"Where are we going?" asked the rabbit.',
];
const sampling = { maxTokens: 120, temperature: 0.8, topP: 0.95 };

/** The text of `models/stories/README.md`. */
export function cardOf(facts: CardFacts): string {
  const { reports, beside, data } = facts;
  return `${frontMatter}
# plusminus/${name}

${about(facts)}

\`\`\`sh
npx plusminus generate "Once upon a time"
\`\`\`

## How well it predicts text

Bits per byte, lower is better; measured by \`plusminus evaluate --text\` with the files in this folder.

${lossTable(reports, name, beside)}
${beside ? `\n"${beside}" is the Transformer++ described below.\n` : ''}
## What it knows

Zero-shot accuracy in per cent, by \`plusminus evaluate --tasks\`. "Chance" is what guessing reaches, "majority" the
place that is right most often; a model of this size is close to both.

${taskTable(reports, name, beside)}

## Samples

Seeds 1 to ${facts.samples.length}, one each, not selected: temperature ${sampling.temperature}, top-p ${sampling.topP}, at most ${sampling.maxTokens} tokens.

${facts.samples.map(sampleText).join('\n\n')}

## How it was made

With PlusMinus: \`recipes/stories\` contains all settings and the script.

${trainings(facts).join('\n\n')}

## Limits

${limits}

## Data and licences

${data.trim()}
`;
}

const frontMatter = `---
license: apache-2.0
language: en
library_name: plusminus
pipeline_tag: text-generation
tags: [matmul-free, ternary, hgrn_bit]
---`;

function about(facts: CardFacts): string {
  const { parameters, ternary, layers, hiddenSize, vocabulary, bytes } = facts;
  const purpose =
    'A MatMul-free language model that continues stories, in the manner of old books for children.';
  return `${purpose} ${formatCount(parameters)} parameters, of which ${formatCount(ternary)} are −1, 0 or +1: ${layers} layers of
width ${hiddenSize}, a vocabulary of ${formatCount(vocabulary)}. ${formatBytes(bytes)} with its tokenizer: matrices at two bits a weight, the
embedding as int8 rows. Its matrix products need no multiplication: they add and
subtract int8 activations. CPUs and GPUs compute the same sums with dot-product instructions.`;
}

function sampleText({ prompt, text }: Sample): string {
  const quoted = `**${prompt}**${text}`.split('\n').map((line) => `> ${line}`.trimEnd());
  return quoted.join('\n');
}

function trainings({ base, llama }: CardFacts): string[] {
  return [
    trainingText('Training', base),
    ...(llama ? [trainingText('For comparison, a Transformer++ of the same sizes, not shipped', llama)] : []),
  ];
}

export function trainingText(title: string, { settings, engine, lines }: Training): string {
  const steps = lines.filter((line): line is StepLine => line.event === 'step');
  const last = steps.at(-1);
  if (!last) throw new InputError(`${title}: found a log without steps, expected that of a finished run`);
  const { batch, length, accumulation, learningRate, schedule, warmup, weightDecay } = settings;
  const validations = lines.filter((line): line is ValidationLine => line.event === 'validation');
  const held = [...Map.groupBy(validations, ({ set }) => set ?? 'held-out windows')].map(
    ([set, course]) => `${set} ${lastLoss(course)}`,
  );
  return `${title}: ${formatCount(last.tokens)} tokens in ${formatCount(last.step)} steps of ${accumulation > 1 ? `${accumulation} × ` : ''}${batch} × ${length} on ${engine},
${formatDuration(last.time)}, ${formatCount(Math.round(last.tokens / last.time))} tokens a second. AdamW, peak rate ${learningRate} after ${warmup} steps, schedule "${schedule}",
weight decay ${weightDecay}. Last validation, with float weights: ${held.join('; ')}.`;
}

/** The last of a text's measurements, and the lowest where that was another one by more than chance. */
function lastLoss(course: readonly ValidationLine[]): string {
  const last = course.at(-1)!;
  const lowest = course.reduce((low, line) => (line.loss < low.loss ? line : low));
  const before =
    lowest.loss < 0.98 * last.loss
      ? `; ${lowest.bitsPerByte.toFixed(3)} at its minimum, after ${formatCount(lowest.step)} steps`
      : '';
  return `${last.loss.toFixed(3)} nats a token (${last.bitsPerByte.toFixed(3)} bits a byte${before})`;
}

const limits = `- It knows little of the world and makes things up. Do not take its output for advice or fact.
- English only. Its books are at least a hundred years old, and so are some of their views.
- It has no safety training: it refuses nothing, and its output may offend.
- It has read its 4,700 short stories about 24 times and may repeat parts of them word for word.
- It loses the thread after some sentences: characters and objects change their names.`;

/** Everything that the card says, measured or read. */
export async function gatherFacts(
  results: string,
  { models = modelsFolder, beside }: { models?: string; beside?: string | undefined } = {},
): Promise<CardFacts> {
  const folder = join(models, name);
  await using model = await LanguageModel.load(folder);
  const { config } = model;
  const specs = architectureOf(config).parameters();
  const size = (chosen: typeof specs) =>
    chosen.reduce((sum, { shape }) => sum + shape.reduce((product, axis) => product * axis, 1), 0);
  return {
    ...{ beside, parameters: size(specs) },
    ternary: size(specs.filter(({ role }) => role === 'ternary')),
    ...{ layers: config.layers, hiddenSize: config.hiddenSize, vocabulary: config.vocabSize },
    bytes: await folderBytes(folder),
    base: await readTraining(join(results, 'base')),
    llama: (await holdsRun(join(results, 'llama'))) ? await readTraining(join(results, 'llama')) : undefined,
    reports: await readReports(join(results, 'evaluation')),
    samples: await continueAll(model),
    data: await readFile(join(import.meta.dirname, 'data.md'), 'utf8'),
  };
}

export async function readTraining(folder: string): Promise<Training> {
  const { settings, engine } = await readRunFile(folder);
  return { settings, engine, lines: await readLog(join(folder, 'log.jsonl')) };
}

async function continueAll(model: LanguageModel): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const [k, prompt] of openings.entries()) {
    let text = '';
    for await (const piece of model.generate(prompt, { ...sampling, seed: k + 1 })) text += piece;
    samples.push({ prompt, text });
  }
  return samples;
}

/** Bytes of a model's folder without its card. */
export async function folderBytes(folder: string): Promise<number> {
  const names = (await readdir(folder)).filter((name) => name !== 'README.md');
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { models: { type: 'string', default: modelsFolder }, beside: { type: 'string' } },
  });
  const [results] = positionals;
  if (!results || positionals.length > 1) {
    console.error('Usage: npx node recipes/stories/card.ts RESULTS [--models FOLDER] [--beside NAME]');
    process.exitCode = 1;
    return;
  }
  const card = cardOf(await gatherFacts(results, values));
  const path = join(values.models, name, 'README.md');
  await replaceFile(path, card);
  console.error(`${path}: the card of ${storiesModel} (${basename(results)})`);
}

if (import.meta.main) await main(process.argv.slice(2)).catch(reportFailure);
