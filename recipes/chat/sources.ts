/** What the talks take from the corpus: short stories, questions of fact and errands of others. */
import { mix32 } from '../../src/text/seededRandom.ts';
import { TextTokenizer } from '../../src/text/tokenizer.ts';
import { conversations, documents } from '../stories/sources.ts';
import { type Facts, readFacts } from './facts.ts';
import { plain } from './plain.ts';
import { type Tale, talesOf } from './tinyStories.ts';
import { type Pieces, piecesOf } from './words/pieces.ts';
import { heldSubjects } from './words/subjects.ts';

/** So many that a model cannot memorise which of them comes: it has to repeat what was said. */
export interface OpenWords {
  /** Nouns of short stories. */
  readonly nouns: readonly string[];
  /** Nouns of the dictionary, most of them rare. */
  readonly rareNouns: readonly string[];
  /** For names that nobody has. */
  readonly pieces: Pieces;
}

export interface Sources extends OpenWords {
  readonly facts: Facts;
  readonly tales: readonly Tale[];
  readonly trivia: readonly string[];
  readonly errands: readonly string[];
}

/** One question in fifty is held out, by its letters, so that no copy of it is taught. */
const heldOut = 50;

/**
 * @param base the packed model that the chat starts from
 * @param held the held-out questions and errands instead of the others
 */
export async function readSources(corpus: string, base: string, held = false): Promise<Sources> {
  const trivia = new Map<string, string>();
  const errands = new Map<string, string>();
  for await (const [first, ...others] of conversations(corpus)) {
    const text = first!.content.trim();
    const list = others.length === 1 ? trivia : errands;
    if (isUsable(text, list === trivia ? 140 : 120) && isHeld(text) === held) list.set(plain(text), text);
  }
  return {
    facts: await readFacts(base),
    tales: await talesOf(documents(corpus, 'short')),
    nouns: await nounsOf(documents(corpus, 'short')),
    rareNouns: await glossedNouns(documents(corpus, 'glosses')),
    pieces: piecesOf((await TextTokenizer.load(base)).json),
    trivia: [...trivia.values()],
    errands: [...errands.values()],
  };
}

/** Words that follow an article in at least three stories, as far as their surroundings say that they are nouns. */
async function nounsOf(stories: AsyncIterable<string>): Promise<string[]> {
  const counts = new Map<string, number>();
  for await (const text of stories) {
    const found = text.matchAll(
      /\b(?:an?|the)\s+([a-z]{3,11})(?=[.,;!?]|\s+(?:was|is|and|who|that|in|on|to|had|said)\b)/g,
    );
    for (const noun of new Set([...found].map(([, noun]) => noun!)))
      counts.set(noun, (counts.get(noun) ?? 0) + 1);
  }
  const usual = [...counts].filter(
    ([noun, count]) => count >= 3 && isTaught(noun) && !/(s|ed|ing|ly)$/.test(noun),
  );
  return usual.map(([noun]) => noun).sort();
}

const isTaught = (noun: string) => !heldSubjects.includes(noun);

/** Nobody is taught to tell stories about these. */
const unkind =
  /offensive|obscen|vulgar|slur|derogat|disparag|sex|genital|ethnic|excre|prostitut|drug|murder|killing|slave/i;

/** Nouns of one word from the dictionary of the corpus. */
async function glossedNouns(glossaries: AsyncIterable<string>): Promise<string[]> {
  const found = new Map<string, boolean>();
  for await (const text of glossaries) {
    for (const [, noun, gloss] of text.matchAll(/^([a-z]{3,10}) \(noun\): (.*)$/gm)) {
      const fits = isTaught(noun!) && !/(s|ed|ing|ly|ness|ism|ity)$/.test(noun!) && !unkind.test(gloss!);
      found.set(noun!, fits && found.get(noun!) !== false);
    }
  }
  return [...found].flatMap(([noun, fits]) => (fits ? [noun] : [])).sort();
}

function isUsable(text: string, longest: number): boolean {
  return text.length <= longest && /^[\x20-\x7e]+[.?!]$/.test(text) && text.split(' ').length >= 5;
}

function isHeld(text: string): boolean {
  const hash = [...plain(text)].reduce((sum, letter) => mix32(sum ^ letter.codePointAt(0)!), 0);
  return hash % heldOut === 0;
}
