/**
 * The whole recipe: `npx node recipes/stories/run.ts CORPUS WORK [--engine webgpu] [--models FOLDER]`.
 *
 * Every step is a command that anyone could type (`--dry-run` prints them). Finished steps are skipped,
 * and an interrupted step resumes: the model is the same, bit for bit.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { modelsFolder } from '../../src/checkpoint/bundledModels.ts';
import { writeChecksums } from '../../src/checkpoint/checksums.ts';
import { convertCommand } from '../../src/cli/convert.ts';
import { reportFailure } from '../../src/cli/failure.ts';
import { replaceFile } from '../../src/text/replaceFile.ts';
import { prepare } from './prepare.ts';
import { progressLine } from './progressLine.ts';
import { type Recipe, readRecipe, recipeFile } from './recipe.ts';
import { trained } from './resumableTraining.ts';

export interface RunOptions {
  readonly corpus: string;
  readonly work: string;
  readonly recipe: Recipe;
  /** The packed model goes to `stories` in it. */
  readonly models: string;
  readonly engine?: string | undefined;
  /** Train the Transformer++ to compare with instead: `WORK/llama`, which is not packed. */
  readonly llama?: boolean | undefined;
  readonly say?: (line: string) => void;
}

/** A training as arguments of `plusminus train`. */
export function trainingArguments(kind: 'base' | 'llama', options: RunOptions): string[] {
  const { work, recipe, engine } = options;
  const tokens = join(work, 'tokens');
  return [
    ...flags({ out: join(work, kind), ...(engine ? { engine } : {}) }),
    ...flags({ data: join(tokens, 'mix.json'), tokenizer: tokens, ...recipe.model }),
    ...flags(kind === 'llama' ? { architecture: 'llama' } : {}),
    ...flags({ length: recipe.length, ...recipe.base, ...(kind === 'llama' ? recipe.llama : {}) }),
  ];
}

/** Packing as arguments of `plusminus convert`. */
function packingArguments({ work, models }: RunOptions): string[] {
  return [join(work, 'base'), join(models, 'stories'), '--to', 'packed', '--embedding', 'int8'];
}

/** @returns whether it came to its end; if not, it was interrupted, and the exit code says by what */
export async function runRecipe(options: RunOptions): Promise<boolean> {
  const { work, say = console.error } = options;
  say('tokens');
  await prepare({ ...options, onProgress: progressLine() });
  const kind = options.llama ? 'llama' : 'base';
  if (!(await trained(join(work, kind), trainingArguments(kind, options), say))) return false;
  if (options.llama) return true;
  const args = packingArguments(options);
  say(`plusminus convert ${args.join(' ')}`);
  await convertCommand().exitOverride().parseAsync(args, { from: 'user' });
  await asWriter(args[1]!);
  await writeChecksums(args[1]!);
  return process.exitCode === undefined;
}

/**
 * Takes the chat template out of a tokenizer's configuration. The model has read dialogues among its texts, but nobody has
 * taught it to answer: pages and commands that find a template would open it as a chat.
 */
async function asWriter(folder: string): Promise<void> {
  const path = join(folder, 'tokenizer_config.json');
  const { chat_template: _, ...config } = JSON.parse(await readFile(path, 'utf8'));
  await replaceFile(path, JSON.stringify(config, null, 2));
}

/** `{ hiddenSize: 512 }` → `--hidden-size 512` */
function flags(values: Readonly<Record<string, string | number | boolean>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => [
    `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    ...(value === true ? [] : [String(value)]),
  ]);
}

const usage = `Usage: npx node recipes/stories/run.ts CORPUS WORK
  --recipe FILE    other numbers than recipe.json's
  --engine NAME    cpu or webgpu
  --llama          train the Transformer++ of the same sizes on the same tokens instead
  --models FOLDER  the packed model goes to its stories/ (default: models/ of this project)
  --dry-run        print the commands`;

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      recipe: { type: 'string', default: recipeFile },
      engine: { type: 'string' },
      llama: { type: 'boolean', default: false },
      models: { type: 'string', default: modelsFolder },
      'dry-run': { type: 'boolean', default: false },
    },
  });
  const [corpus, work] = positionals;
  if (!corpus || !work || positionals.length > 2) {
    console.error(usage);
    process.exitCode = 1;
    return;
  }
  const { engine, llama, models } = values;
  const options = { corpus, work, recipe: await readRecipe(values.recipe), engine, llama, models };
  if (values['dry-run']) {
    console.log(`npx node recipes/stories/prepare.ts ${corpus} ${work}`);
    for (const kind of ['base', 'llama'] as const) {
      console.log(`npx plusminus train ${trainingArguments(kind, options).join(' ')}`);
    }
    console.log(`npx plusminus convert ${packingArguments(options).join(' ')}`);
    return;
  }
  await runRecipe(options);
}

if (import.meta.main) await main(process.argv.slice(2)).catch(reportFailure);
