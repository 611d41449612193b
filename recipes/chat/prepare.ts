/**
 * From the corpus to tokens: `npx node recipes/chat/prepare.ts CORPUS WORK`.
 *
 *   WORK/tokens/talks             generated talks, of which the answers are labels
 *   WORK/tokens/short             short stories, so that the model does not forget how to tell one
 *   WORK/tokens/valid.talks       other talks in the same wordings
 *   WORK/tokens/valid.wordings    talks whose questions use held-out wordings
 *   WORK/tokens/talks.json        the mix of them
 */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { modelsFolder } from '../../src/checkpoint/bundledModels.ts';
import { reportFailure } from '../../src/cli/failure.ts';
import { formatCount } from '../../src/format.ts';
import { type ChatMessage, readDocuments } from '../../src/text/corpus.ts';
import { saveTokenizer } from '../../src/text/saveTokenizer.ts';
import { TextTokenizer } from '../../src/text/tokenizer.ts';
import { writeMix } from '../../src/text/tokenMix.ts';
import { writeSequences, writeShards } from '../../src/text/writeShards.ts';
import { conversationRows } from '../../src/train/conversations.ts';
import { progressLine } from '../stories/progressLine.ts';
import { documents, validationTexts } from '../stories/sources.ts';
import { chatTemplate } from '../stories/template.ts';
import { type Recipe, readRecipe } from './recipe.ts';
import { readSources } from './sources.ts';
import { talks } from './talks.ts';

export interface PrepareOptions {
  readonly corpus: string;
  /** Where `tokens/` is made. */
  readonly work: string;
  /** The packed model to start from: its tokenizer is used, and its sizes are what talks say. */
  readonly base: string;
  readonly recipe: Recipe;
  readonly onProgress?: (text: string) => void;
}

export async function prepare(options: PrepareOptions): Promise<void> {
  const { corpus, work, base, recipe, onProgress = () => {} } = options;
  const folder = join(work, 'tokens');
  await mkdir(folder, { recursive: true });
  const { json, config } = await TextTokenizer.load(base);
  const tokenizer = TextTokenizer.fromJson(json, { ...config, chat_template: chatTemplate });
  await saveTokenizer(folder, tokenizer);
  const [taught, held] = await Promise.all([readSources(corpus, base), readSources(corpus, base, true)]);
  const rows = async (name: string, conversations: Iterable<ChatMessage[]>) => {
    const { length } = recipe;
    const options = {
      rowLength: length + 1,
      onProgress: ({ tokens }: { tokens: number }) => onProgress(`${name}: ${formatCount(tokens)} tokens`),
    };
    const made = conversationRows(asynchronous(conversations), tokenizer, length);
    await unlessMade(join(folder, name), (target) => writeSequences(target, made, tokenizer, options));
  };
  const { seed, heldOutTalks } = recipe;
  await rows('valid.wordings', talks(seed, heldOutTalks, held, 'held'));
  await rows('valid.talks', talks(seed + 1, heldOutTalks, taught));
  await rows('talks', talks(seed, recipe.talks, taught));
  await unlessMade(join(folder, 'short'), (target) =>
    writeShards(target, documents(corpus, 'short'), tokenizer),
  );
  const stories = 'valid.tinystories';
  await unlessMade(join(folder, stories), (target) =>
    writeShards(target, readDocuments(join(corpus, validationTexts[stories])), tokenizer),
  );
  const parts = Object.entries(recipe.mix).map(([folder, weight]) => ({ folder, weight }));
  const validation = ['valid.wordings', 'valid.talks', stories];
  await writeMix(folder, { version: 1, parts, validation }, 'talks.json');
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

async function main([corpus, work, ...rest]: readonly string[]): Promise<void> {
  if (!corpus || !work || rest.length > 0) {
    console.error('Usage: npx node recipes/chat/prepare.ts CORPUS WORK');
    process.exitCode = 1;
    return;
  }
  const base = join(modelsFolder, 'stories');
  await prepare({ corpus, work, base, recipe: await readRecipe(), onProgress: progressLine() });
}

if (import.meta.main) await main(process.argv.slice(2)).catch(reportFailure);
