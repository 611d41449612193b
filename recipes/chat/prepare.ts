/**
 * From the corpus to tokens: `npx node recipes/chat/prepare.ts CORPUS WORK`. A process for each core writes parts.
 *
 *   WORK/sources*.json            what the talks take from the corpus, which is not read again once they are there
 *   WORK/tokens/talks-1, …        generated talks, of which the answers are labels
 *   WORK/tokens/short             short stories, so that the model does not forget how to tell one
 *   WORK/tokens/valid.talks       other talks in the same wordings
 *   WORK/tokens/valid.wordings    talks whose questions use held-out wordings
 *   WORK/tokens/talks.json        the mix of them
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { modelsFolder } from '../../src/checkpoint/bundledModels.ts';
import { reportFailure } from '../../src/cli/failure.ts';
import { InputError } from '../../src/errors.ts';
import { formatCount } from '../../src/format.ts';
import { type ChatMessage, readDocuments } from '../../src/text/corpus.ts';
import { replaceFile } from '../../src/text/replaceFile.ts';
import { saveTokenizer } from '../../src/text/saveTokenizer.ts';
import { TextTokenizer } from '../../src/text/tokenizer.ts';
import { writeMix } from '../../src/text/tokenMix.ts';
import { writeSequences, writeShards } from '../../src/text/writeShards.ts';
import { conversationRows } from '../../src/train/conversations.ts';
import { progressLine } from '../stories/progressLine.ts';
import { documents, validationTexts } from '../stories/sources.ts';
import { chatTemplate } from '../stories/template.ts';
import { type Recipe, readRecipe } from './recipe.ts';
import { readSources, type Sources } from './sources.ts';
import { talks } from './talks.ts';

export interface PrepareOptions {
  readonly corpus: string;
  /** Where `tokens/` is made. */
  readonly work: string;
  /** The packed model to start from: its tokenizer is used, and its sizes are what talks say. */
  readonly base: string;
  readonly recipe: Recipe;
  readonly onProgress?: (text: string) => void;
  /** Makes one part of the talks; other processes may. */
  readonly makePart?: (options: PrepareOptions, part: number) => Promise<void>;
}

export async function prepare(options: PrepareOptions): Promise<void> {
  const { corpus, work, recipe } = options;
  const folder = join(work, 'tokens');
  await mkdir(folder, { recursive: true });
  const tokenizer = await openTokenizer(options);
  await saveTokenizer(folder, tokenizer);
  const { seed, heldOutTalks, parts } = recipe;
  await writeTalks(
    options,
    'valid.wordings',
    talks(seed, heldOutTalks, await sourcesOf(options, true), 'held'),
  );
  await writeTalks(options, 'valid.talks', talks(seed + 1, heldOutTalks, await sourcesOf(options)));
  await unlessMade(join(folder, 'short'), (target) =>
    writeShards(target, documents(corpus, 'short'), tokenizer),
  );
  const stories = 'valid.tinystories';
  await unlessMade(join(folder, stories), (target) =>
    writeShards(target, readDocuments(join(corpus, validationTexts[stories])), tokenizer),
  );
  const { makePart = preparePart } = options;
  await Promise.all(Array.from({ length: parts }, (_, part) => makePart(options, part)));
  const mixed = Array.from({ length: parts }, (_, part) => ({
    folder: partName(part),
    weight: recipe.mix.talks / parts,
  }));
  const short = { folder: 'short', weight: recipe.mix.short };
  const validation = ['valid.wordings', 'valid.talks', stories];
  await writeMix(folder, { version: 1, parts: [...mixed, short], validation }, 'talks.json');
}

const partName = (part: number) => `talks-${part + 1}`;

/** One part of the talks, of which each is as large as the others. */
async function preparePart(options: PrepareOptions, part: number): Promise<void> {
  const { seed, talks: count, parts } = options.recipe;
  const sources = await sourcesOf(options);
  const made = talks(seed, Math.ceil(count / parts), sources, 'taught', { part, of: parts });
  await writeTalks(options, partName(part), made);
}

async function openTokenizer({ base }: PrepareOptions): Promise<TextTokenizer> {
  const { json, config } = await TextTokenizer.load(base);
  return TextTokenizer.fromJson(json, { ...config, chat_template: chatTemplate });
}

async function writeTalks(
  options: PrepareOptions,
  name: string,
  conversations: Iterable<ChatMessage[]>,
): Promise<void> {
  const { work, recipe, onProgress = () => {} } = options;
  const tokenizer = await openTokenizer(options);
  const made = conversationRows(asynchronous(conversations), tokenizer, recipe.length);
  await unlessMade(join(work, 'tokens', name), (target) =>
    writeSequences(target, made, tokenizer, {
      rowLength: recipe.length + 1,
      onProgress: ({ tokens }) => onProgress(`${name}: ${formatCount(tokens)} tokens`),
    }),
  );
}

async function sourcesOf({ work, corpus, base }: PrepareOptions, held = false): Promise<Sources> {
  const path = join(work, held ? 'sources.held.json' : 'sources.json');
  const earlier = await readFile(path, 'utf8').catch(() => undefined);
  if (earlier !== undefined) return JSON.parse(earlier) as Sources;
  const sources = await readSources(corpus, base, held);
  await replaceFile(path, JSON.stringify(sources));
  return sources;
}

async function* asynchronous<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** A part that a killed process left unfinished is written again. */
async function unlessMade(folder: string, make: (target: string) => Promise<unknown>): Promise<void> {
  if ((await stat(join(folder, 'shards.json')).catch(() => undefined)) !== undefined) return;
  await rm(folder, { recursive: true, force: true });
  await make(folder);
}

const usage = `Usage: npx node recipes/chat/prepare.ts CORPUS WORK
  --processes N   at the same time (default: one for each core)
  --part N        only this part of the talks, from 0`;

/** Runs a process for each part, so many at a time. */
function inProcesses(args: readonly string[], processes: number): NonNullable<PrepareOptions['makePart']> {
  const running = new Set<Promise<void>>();
  return async (_, part) => {
    while (running.size >= processes) await Promise.race(running);
    const child = spawn(process.execPath, [import.meta.filename, ...args, '--part', String(part)], {
      stdio: 'inherit',
    });
    const ended = once(child, 'exit').then(([code]) => {
      running.delete(ended);
      if (code !== 0) throw new InputError(`part ${part}: its process ended with ${code}`);
    });
    running.add(ended);
    await ended;
  };
}

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      processes: { type: 'string', default: String(availableParallelism()) },
      part: { type: 'string' },
    },
  });
  const [corpus, work] = positionals;
  if (!corpus || !work || positionals.length > 2) {
    console.error(usage);
    process.exitCode = 1;
    return;
  }
  const options = { corpus, work, base: join(modelsFolder, 'stories'), recipe: await readRecipe() };
  if (values.part !== undefined) return preparePart(options, Number(values.part));
  await prepare({
    ...options,
    onProgress: progressLine(),
    makePart: inProcesses([corpus, work], Number(values.processes)),
  });
}

if (import.meta.main) await main(process.argv.slice(2)).catch(reportFailure);
