/**
 * The whole recipe: `npx node recipes/stories/run.ts CORPUS WORK [--engine webgpu] [--models FOLDER]`.
 *
 * Every step is a command that anyone could type (`--dry-run` prints them). Finished steps are skipped,
 * and an interrupted step resumes: the models are the same, bit for bit.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { modelsFolder } from '../../src/checkpoint/bundledModels.ts';
import { writeChecksums } from '../../src/checkpoint/checksums.ts';
import { convertCommand } from '../../src/cli/convert.ts';
import { reportFailure } from '../../src/cli/failure.ts';
import { prepare } from './prepare.ts';
import { progressLine } from './progressLine.ts';
import { type Recipe, readRecipe, recipeFile } from './recipe.ts';
import { trained } from './resumableTraining.ts';

export interface RunOptions {
  readonly corpus: string;
  readonly work: string;
  readonly recipe: Recipe;
  /** Where the packed models go. */
  readonly models: string;
  readonly engine?: string | undefined;
  /** Train the Transformer++ to compare with instead: `WORK/llama`, which is neither fine-tuned nor packed. */
  readonly llama?: boolean | undefined;
  readonly say?: (line: string) => void;
}

/** A training as arguments of `plusminus train`. */
export function trainingArguments(kind: 'base' | 'chat' | 'llama', options: RunOptions): string[] {
  const { work, recipe, engine } = options;
  const tokens = join(work, 'tokens');
  const source =
    kind === 'chat'
      ? flags({ data: join(tokens, 'chat.json'), from: join(work, 'base') })
      : [
          ...flags({ data: join(tokens, 'mix.json'), tokenizer: tokens, ...recipe.model }),
          ...flags(kind === 'llama' ? { architecture: 'llama' } : {}),
        ];
  return [
    ...flags({ out: join(work, kind), ...(engine ? { engine } : {}) }),
    ...source,
    ...flags({ length: recipe.length, ...(kind === 'llama' ? recipe.base : {}), ...recipe[kind] }),
  ];
}

/** Packing as arguments of `plusminus convert`. */
export function packingArguments(kind: 'base' | 'chat', { work, models }: RunOptions): string[] {
  const name = kind === 'base' ? 'stories' : 'chat';
  return [join(work, kind), join(models, name), '--to', 'packed', '--embedding', 'int8'];
}

/** @returns whether it came to its end; if not, it was interrupted, and the exit code says by what */
export async function runRecipe(options: RunOptions): Promise<boolean> {
  const { work, say = console.error } = options;
  say('tokens');
  await prepare({ ...options, onProgress: progressLine() });
  for (const kind of options.llama ? (['llama'] as const) : (['base', 'chat'] as const)) {
    const done = await trained(join(work, kind), trainingArguments(kind, options), say);
    if (!done) return false;
  }
  if (options.llama) return true;
  for (const kind of ['base', 'chat'] as const) {
    const args = packingArguments(kind, options);
    say(`plusminus convert ${args.join(' ')}`);
    await convertCommand().exitOverride().parseAsync(args, { from: 'user' });
    await writeChecksums(args[1]!);
  }
  return process.exitCode === undefined;
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
  --models FOLDER  where the packed models go (default: models/ of this project)
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
    for (const kind of ['base', 'chat', 'llama'] as const) {
      console.log(`npx plusminus train ${trainingArguments(kind, options).join(' ')}`);
    }
    for (const kind of ['base', 'chat'] as const) {
      console.log(`npx plusminus convert ${packingArguments(kind, options).join(' ')}`);
    }
    return;
  }
  await runRecipe(options);
}

if (import.meta.main) await main(process.argv.slice(2)).catch(reportFailure);
