/**
 * The corpus in parts that can be weighed: long books and short stories, articles and dictionary glosses, dialogues.
 * Every source is a stream that begins again each time it is called.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../src/errors.ts';
import { type ChatMessage, readConversations, readDocuments } from '../../src/text/corpus.ts';
import { mix32 } from '../../src/text/seededRandom.ts';
import type { PartName } from './recipe.ts';

/** Stories of fewer characters are short: TinyStories and picture books, a thirtieth of the text. */
const shortStory = 8000;

/** `noun (noun): …`: the text of a dictionary, divided into documents of any length. */
const gloss = /^\S[^\n]{0,80} \((noun|verb|adjective|adverb)\): /;

export const validationTexts = {
  'valid.stories': 'stories.valid.txt.zst',
  'valid.tinystories': 'tinystories.valid.txt.zst',
} as const;

/** The files of a corpus folder by kind, the held-out ones aside. */
async function filesOf(corpus: string, kind: 'stories' | 'knowledge' | 'dialogues'): Promise<string[]> {
  const names = (await readdir(corpus)).filter(
    (name) => name.startsWith(`${kind}.`) && !name.includes('.valid.'),
  );
  if (names.length > 0) return names.sort().map((name) => join(corpus, name));
  throw new InputError(
    `${corpus}: found no ${kind}.*, expected text (.txt) or conversations (.jsonl), also .zst`,
  );
}

/** Documents of a part of the corpus; dialogues are `conversations`. */
export async function* documents(
  corpus: string,
  part: Exclude<PartName, 'dialogues'>,
  maxCharacters?: number,
): AsyncGenerator<string> {
  const kind = part === 'books' || part === 'short' ? 'stories' : 'knowledge';
  for await (const text of readDocuments(await filesOf(corpus, kind))) {
    if (text.trim() === '' || partOf(kind, text) !== part) continue;
    if (maxCharacters === undefined) yield text;
    else for (let at = 0; at < text.length; at += maxCharacters) yield text.slice(at, at + maxCharacters);
  }
}

function partOf(kind: 'stories' | 'knowledge', text: string): PartName {
  if (kind === 'stories') return text.length < shortStory ? 'short' : 'books';
  return isGlossary(text) ? 'glosses' : 'articles';
}

/** A piece of a dictionary may begin within a line, so that the second line counts. */
function isGlossary(text: string): boolean {
  return text.split('\n', 2).some((line) => gloss.test(line));
}

/** Task dialogues and questions with answers. */
export async function* conversations(corpus: string): AsyncGenerator<ChatMessage[]> {
  yield* readConversations(await filesOf(corpus, 'dialogues'));
}

/** About this share of the items, the same each time. */
export async function* sampled<T>(items: AsyncIterable<T>, share: number, keep = true): AsyncGenerator<T> {
  let index = 0;
  for await (const item of items) {
    const chosen = mix32(index++) >>> 0 < share * 2 ** 32;
    if (chosen === keep) yield item;
  }
}
