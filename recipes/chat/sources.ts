/** What the talks take from the corpus: short stories, questions of fact and errands of others. */
import { mix32 } from '../../src/text/seededRandom.ts';
import { conversations, documents } from '../stories/sources.ts';
import type { Facts } from './facts.ts';
import { plain } from './plain.ts';
import { type Tale, talesOf } from './tinyStories.ts';

export interface Sources {
  readonly facts: Facts;
  readonly tales: readonly Tale[];
  readonly trivia: readonly string[];
  readonly errands: readonly string[];
}

/** One question in fifty is held out, by its letters, so that no copy of it is taught. */
const heldOut = 50;

/** @param held the held-out questions and errands instead of the others */
export async function readSources(corpus: string, facts: Facts, held = false): Promise<Sources> {
  const trivia = new Map<string, string>();
  const errands = new Map<string, string>();
  for await (const [first, ...others] of conversations(corpus)) {
    const text = first!.content.trim();
    const list = others.length === 1 ? trivia : errands;
    if (isUsable(text, list === trivia ? 140 : 120) && isHeld(text) === held) list.set(plain(text), text);
  }
  return {
    facts,
    tales: await talesOf(documents(corpus, 'short')),
    trivia: [...trivia.values()],
    errands: [...errands.values()],
  };
}

function isUsable(text: string, longest: number): boolean {
  return text.length <= longest && /^[\x20-\x7e]+[.?!]$/.test(text) && text.split(' ').length >= 5;
}

function isHeld(text: string): boolean {
  const hash = [...plain(text)].reduce((sum, letter) => mix32(sum ^ letter.codePointAt(0)!), 0);
  return hash % heldOut === 0;
}
