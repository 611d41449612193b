/**
 * From the corpus to tokens: `npx node recipes/stories/prepare.ts CORPUS WORK`.
 *
 *   WORK/tokens/tokenizer.json …   the tokenizer, with the chat template by which dialogues are read
 *   WORK/tokens/books/ …           token shards of each part and of the held-out texts
 *   WORK/tokens/mix.json           what the model reads
 *
 * Parts that exist are skipped: after a kill, it repeats only the unfinished part.
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { reportFailure } from '../../src/cli/failure.ts';
import { FolderLock } from '../../src/folderLock.ts';
import { formatCount } from '../../src/format.ts';
import { renderChat } from '../../src/generate/chatTemplate.ts';
import { type ChatMessage, readDocuments } from '../../src/text/corpus.ts';
import { saveTokenizer } from '../../src/text/saveTokenizer.ts';
import { TextTokenizer } from '../../src/text/tokenizer.ts';
import { writeMix } from '../../src/text/tokenMix.ts';
import { trainBpe } from '../../src/text/trainBpe.ts';
import { type ShardProgress, writeShards } from '../../src/text/writeShards.ts';
import { progressLine } from './progressLine.ts';
import { partNames, type Recipe, readRecipe } from './recipe.ts';
import { conversations, documents, sampled, validationTexts } from './sources.ts';
import { chatTemplate, specialTokens } from './template.ts';

/** The tokenizer learns from pieces of this many characters, spread over all documents. */
const samplePiece = 16384;
/** Held out of each kind of conversation. */
const validationShare = 0.01;

export interface PrepareOptions {
  readonly corpus: string;
  /** Where `tokens/` is made. */
  readonly work: string;
  readonly recipe: Recipe;
  readonly onProgress?: (text: string) => void;
}

export async function prepare({
  corpus,
  work,
  recipe,
  onProgress = () => {},
}: PrepareOptions): Promise<void> {
  const folder = join(work, 'tokens');
  await mkdir(folder, { recursive: true });
  const lock = await FolderLock.take(folder);
  try {
    await removePartial(folder);
    await prepareIn(folder, corpus, recipe, onProgress);
  } finally {
    await lock.release();
  }
}

async function prepareIn(
  folder: string,
  corpus: string,
  recipe: Recipe,
  onProgress: (text: string) => void,
): Promise<void> {
  const tokenizer = await tokenizerOf(corpus, folder, recipe, onProgress);
  const step: Step = async (name, write) => {
    const target = join(folder, name);
    if (await exists(join(target, 'shards.json'))) return;
    await write(target, ({ tokens }) => onProgress(`${name}: ${formatCount(tokens)} tokens`));
  };
  for (const part of partNames) {
    const texts = () =>
      part === 'dialogues' ? renderedTrainingTalks(corpus, tokenizer) : documents(corpus, part);
    await step(part, (target, onProgress) => writeShards(target, texts(), tokenizer, { onProgress }));
  }
  for (const [name, file] of Object.entries(validationTexts)) {
    const texts = () => readDocuments(join(corpus, file));
    await step(name, (target, onProgress) => writeShards(target, texts(), tokenizer, { onProgress }));
  }
  await writeMixes(folder, recipe);
}

type Step = (
  name: string,
  write: (target: string, onProgress: (progress: ShardProgress) => void) => Promise<unknown>,
) => Promise<void>;

async function tokenizerOf(
  corpus: string,
  folder: string,
  { tokenizer: { vocabulary, shares } }: Recipe,
  onProgress: (text: string) => void,
): Promise<TextTokenizer> {
  if (!(await exists(join(folder, 'tokenizer_config.json')))) {
    async function* sample() {
      for (const part of partNames) {
        yield* sampled(
          part === 'dialogues' ? talkTexts(corpus) : documents(corpus, part, samplePiece),
          shares[part],
        );
      }
    }
    const learned = await trainBpe(sample(), {
      vocabularySize: vocabulary,
      specialTokens,
      chatTemplate,
      onProgress: (at) =>
        onProgress(
          at.phase === 'count'
            ? `tokenizer: ${formatCount(at.characters)} characters read`
            : `tokenizer: ${at.vocabulary} of ${at.vocabularySize} entries`,
        ),
    });
    await saveTokenizer(folder, learned);
  }
  return TextTokenizer.load(folder);
}

async function* talkTexts(corpus: string): AsyncGenerator<string> {
  for await (const messages of conversations(corpus)) yield messages.map(({ content }) => content).join('\n');
}

/** Dialogues by the chat template, first the short ones; held-out ones are left out. */
async function* renderedTrainingTalks(corpus: string, tokenizer: TextTokenizer): AsyncGenerator<string> {
  for (const isLong of [false, true]) {
    for await (const messages of sampled(talksOf(corpus, isLong), validationShare, false)) {
      // The tokenizer itself puts the token that begins a text.
      yield renderChat(tokenizer, messages, { addGenerationPrompt: false }).replace(/^<\|endoftext\|>/, '');
    }
  }
}

/** Questions with answers, or tasks of several turns. */
async function* talksOf(corpus: string, isLong: boolean): AsyncGenerator<ChatMessage[]> {
  for await (const messages of conversations(corpus)) if (messages.length > 2 === isLong) yield messages;
}

async function writeMixes(folder: string, { mix }: Recipe): Promise<void> {
  const parts = Object.entries(mix)
    .map(([folder, weight]) => ({ folder, weight }))
    .filter(({ weight }) => weight > 0);
  await writeMix(folder, { version: 1, parts, validation: Object.keys(validationTexts) });
}

/** What a killed process left half written. */
async function removePartial(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.includes('.partial-')) await rm(join(folder, name), { recursive: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function main([corpus, work, ...rest]: readonly string[]): Promise<void> {
  if (!corpus || !work || rest.length > 0) {
    console.error('Usage: npx node recipes/stories/prepare.ts CORPUS WORK');
    process.exitCode = 1;
    return;
  }
  await prepare({ corpus, work, recipe: await readRecipe(), onProgress: progressLine() });
  process.stderr.write('\n');
}

if (import.meta.main) await main(process.argv.slice(2)).catch(reportFailure);
