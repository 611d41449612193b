/**
 * Trains the chat model: `npx node recipes/chat/run.ts WORK [--engine cuda] [--seconds 330] [--models FOLDER]`.
 *
 * WORK/tokens is what prepare.ts made. Short trials choose the learning rate and measure the speed; the long run then
 * has as many steps as fit into the time. Every step is a command that anyone could type. Steps that are done are
 * skipped: started again, it continues where it stopped.
 */
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { modelsFolder } from '../../src/checkpoint/bundledModels.ts';
import { writeChecksums } from '../../src/checkpoint/checksums.ts';
import { convertCommand } from '../../src/cli/convert.ts';
import { reportFailure } from '../../src/cli/failure.ts';
import { InputError } from '../../src/errors.ts';
import { replaceFile } from '../../src/text/replaceFile.ts';
import { readLog } from '../../src/train/log.ts';
import { trained } from '../stories/resumableTraining.ts';
import { type Recipe, readRecipe, recipeFile } from './recipe.ts';

export interface RunOptions {
  readonly work: string;
  readonly recipe: Recipe;
  /** The model to start from. */
  readonly base: string;
  /** The packed model goes to `chat` in it. */
  readonly models: string;
  /** Logs and settings of all runs go here. */
  readonly results: string;
  readonly engine?: string | undefined;
  /** For the long run. */
  readonly seconds: number;
  readonly say?: (line: string) => void;
}

/** Decides between trials. */
const heldOut = 'valid.wordings';

/** What the trials say, `chosen.json` in WORK. */
export interface Choice {
  readonly learningRate: number;
  readonly steps: number;
  readonly trials: readonly Trial[];
}

interface Trial {
  readonly learningRate: number;
  /** Nats a token on held-out wordings. */
  readonly loss: number;
  readonly tokensPerSecond: number;
}

/** @returns whether it came to its end; if not, it was interrupted */
export async function runRecipe(options: RunOptions): Promise<boolean> {
  const { recipe, work, models, say = console.error } = options;
  const folders: string[] = [];
  const train = async (name: string, learningRate: number, steps: number) => {
    folders.push(name);
    return trained(join(work, name), trainingArguments(options, name, learningRate, steps), say);
  };
  for (const [k, rate] of recipe.trials.learningRates.entries()) {
    if (!(await train(trialName(k), rate, recipe.trials.steps))) return false;
  }
  const { learningRate, steps } = await choose(options);
  say(`learning rate ${learningRate}, ${steps} steps`);
  if (!(await train('chat', learningRate, steps))) return false;
  const packed = join(models, 'chat');
  const args = [join(work, 'chat'), packed, '--to', 'packed', '--embedding', 'int8'];
  say(`plusminus convert ${args.join(' ')}`);
  await convertCommand().exitOverride().parseAsync(args, { from: 'user' });
  await writeChecksums(packed);
  await keepResults(options, folders);
  return process.exitCode === undefined;
}

const trialName = (k: number) => `trial-${k + 1}`;

/** A training as arguments of `plusminus train`. */
function trainingArguments(
  { work, recipe, base, engine }: RunOptions,
  name: string,
  learningRate: number,
  steps: number,
): string[] {
  const values = {
    ...{ out: join(work, name), data: join(work, 'tokens', 'talks.json'), from: base },
    tokenizer: join(work, 'tokens'),
    ...{ length: recipe.length, ...recipe.settings, learningRate, steps, seed: recipe.seed },
    ...(engine === undefined ? {} : { engine }),
  };
  return Object.entries(values).flatMap(([name, value]) => [
    `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    String(value),
  ]);
}

/** Chooses once: a resumed run keeps its number of steps. */
async function choose({ work, recipe, seconds }: RunOptions): Promise<Choice> {
  const path = join(work, 'chosen.json');
  const earlier = await readFile(path, 'utf8').catch(() => undefined);
  if (earlier !== undefined) return JSON.parse(earlier) as Choice;
  const trials = await Promise.all(
    recipe.trials.learningRates.map((rate, k) => measured(join(work, trialName(k)), rate)),
  );
  const { learningRate } = trials.reduce((best, trial) => (trial.loss < best.loss ? trial : best));
  const speed = Math.min(...trials.map(({ tokensPerSecond }) => tokensPerSecond));
  const tokensPerStep = Number(recipe.settings.batch) * recipe.length;
  const steps = Math.max(1, Math.floor((seconds * speed) / tokensPerStep));
  const choice: Choice = { learningRate, steps, trials };
  await replaceFile(path, `${JSON.stringify(choice, undefined, 2)}\n`);
  return choice;
}

async function measured(folder: string, learningRate: number): Promise<Trial> {
  const lines = await readLog(join(folder, 'log.jsonl'));
  const last = lines.findLast((line) => line.event === 'step');
  const held = lines.findLast((line) => line.event === 'validation' && line.set === heldOut);
  if (last?.event !== 'step' || held?.event !== 'validation') {
    throw new InputError(
      `${folder}: found no step or no validation on ${heldOut}, expected a finished trial`,
    );
  }
  return { learningRate, loss: held.loss, tokensPerSecond: Math.round(last.tokens / last.time) };
}

/** Logs and settings, without where things were on this machine. */
async function keepResults({ work, results }: RunOptions, names: readonly string[]): Promise<void> {
  await mkdir(results, { recursive: true });
  await cp(join(work, 'chosen.json'), join(results, 'chosen.json'));
  for (const name of names) {
    const [from, to] = [join(work, name), join(results, name)];
    await mkdir(to, { recursive: true });
    await cp(join(from, 'log.jsonl'), join(to, 'log.jsonl'));
    const settings = JSON.parse(await readFile(join(from, 'training.json'), 'utf8'));
    await replaceFile(
      join(to, 'training.json'),
      `${JSON.stringify({ ...settings, tokens: 'WORK/tokens/talks.json' }, undefined, 2)}\n`,
    );
  }
}

const usage = `Usage: npx node recipes/chat/run.ts WORK
  --recipe FILE     other numbers than recipe.json's
  --engine NAME     cpu, webgpu or cuda
  --seconds N       time for the long run (default: the recipe's)
  --base FOLDER     the model to start from (default: models/stories of this project)
  --models FOLDER   the packed model goes to its chat/ (default: models/ of this project)
  --results FOLDER  logs and settings (default: results/chat of this project)`;

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      recipe: { type: 'string', default: recipeFile },
      engine: { type: 'string' },
      seconds: { type: 'string' },
      base: { type: 'string', default: join(modelsFolder, 'stories') },
      models: { type: 'string', default: modelsFolder },
      results: { type: 'string', default: join(import.meta.dirname, '../../results/chat') },
    },
  });
  const [work] = positionals;
  if (!work || positionals.length > 1) {
    console.error(usage);
    process.exitCode = 1;
    return;
  }
  const recipe = await readRecipe(values.recipe);
  const seconds = values.seconds === undefined ? recipe.seconds : Number(values.seconds);
  if (!(seconds > 0)) throw new InputError(`--seconds: found ${values.seconds}, expected a number above 0`);
  await runRecipe({ ...values, work, recipe, seconds });
}

if (import.meta.main) await main(process.argv.slice(2)).catch(reportFailure);
