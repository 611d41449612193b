/**
 * Short stories of the corpus with a clear subject, and the same stories with another subject of the same kind, so that
 * a request decides whom a story is about.
 */
import { withArticle } from './grammar.ts';
import type { Voice } from './voice.ts';
import { creatures, people, things } from './words/subjects.ts';

export interface Tale {
  readonly subject: string;
  readonly text: string;
  /** Subjects that may take its place. */
  readonly others: readonly string[];
}

/** About 220 tokens, so that an answer ends well before the limit of the page. */
const longest = 900;
const shortest = 100;

/** What only some creatures can do. */
const ownWays =
  /\b(fl(y|ies|ew|ying)|wings?|swim|swam|swimming|feathers?|barks?|barked|meow\w*|roar\w*|quack\w*|tails?|nest|eggs?|trunk|fur|paws?|hop\w*|beak|shell|bark|web|fins?|hive|chirp\w*|sang|sing\w*)\b/i;

/** Not what a child should read before it sleeps. */
const grim =
  /\b(ate \w+ (boy|girl|up)|kill\w*|dead|die[ds]?|blood\w*|guns?|hate[ds]?|stupid|poison\w*|(bad|sad) ending|never seen again|grabbed|terror|stole\w*|crashed|lost forever|gone forever|all alone)\b/i;

/** How a story ends well: in its last words. */
const comfort =
  /\b(happ\w*|glad|smil\w*|laugh\w*|friends?|fun|proud|lov\w*|better|safe\w*|thank\w*|hug\w*|play\w*|danc\w*|joy\w*|home|best|enjoy\w*|good|kind|peace\w*)\b/i;
const sorrow = /\b(sad|cried|crying|scared|afraid|hurt|angry|sorry|lonely)\b/i;
const lastWords = 110;

/** A story for somebody who goes to sleep after it. */
export function endsWell(text: string): boolean {
  const end = text.slice(-lastWords);
  return comfort.test(end) && !sorrow.test(end) && !grim.test(text);
}

/** Tales among stories: the subject is named in the first words and again later. */
export async function talesOf(stories: AsyncIterable<string>): Promise<Tale[]> {
  const found: Tale[] = [];
  for await (const story of stories) {
    const text = tidied(story);
    if (text.length < shortest || text.length > longest || !isProse(text) || !endsWell(text)) continue;
    const tale = taleOf(text);
    if (tale) found.push(tale);
  }
  return found;
}

/** Not a poem or a list, and not cut off. */
function isProse(text: string): boolean {
  return /[.!?"]$/.test(text) && text.length > 60 * text.split('\n').length;
}

/** One paragraph a line, plain quotation marks. */
function tidied(text: string): string {
  return text
    .trim()
    .replace(/[“”]/g, '"')
    .replace(/[‘’]/g, "'")
    .replace(/\s*\n\s*/g, '\n')
    .replace(/ +/g, ' ');
}

function taleOf(text: string): Tale | undefined {
  const [opening] = /^.{0,80}\b/s.exec(text) ?? [''];
  for (const kind of [creatures, things, people]) {
    for (const subject of kind) {
      const named = new RegExp(`\\b${subject}s?\\b`, 'gi');
      if (!named.test(opening) || (text.match(named)?.length ?? 0) < 3) continue;
      const others =
        kind === creatures && !ownWays.test(text) ? kind.filter((other) => !mentions(text, other)) : [];
      return { subject, text, others };
    }
  }
  return undefined;
}

function mentions(text: string, noun: string): boolean {
  return new RegExp(`\\b${noun}`, 'i').test(text);
}

/** The tale itself, or with another subject in the place of its own. */
export function retold(tale: Tale, voice: Voice): { subject: string; text: string } {
  if (tale.others.length === 0 || voice.chance(0.25)) return tale;
  const subject = voice.pick(tale.others);
  return { subject, text: withSubject(tale.text, tale.subject, subject) };
}

export function withSubject(text: string, from: string, to: string): string {
  return text
    .replace(new RegExp(`\\b(an?) ${from}\\b`, 'gi'), (_, article: string) =>
      likeFirst(article, withArticle(to)),
    )
    .replace(new RegExp(`\\b${from}(s?)\\b`, 'gi'), (found, s: string) =>
      likeFirst(found, s ? plural(to) : to),
    );
}

/** A capital where the other text has one. */
function likeFirst(other: string, text: string): string {
  return other[0] === other[0]!.toUpperCase() ? text[0]!.toUpperCase() + text.slice(1) : text;
}

export function plural(noun: string): string {
  const irregular: Record<string, string> = {
    mouse: 'mice',
    goose: 'geese',
    wolf: 'wolves',
    sheep: 'sheep',
    deer: 'deer',
    fish: 'fish',
    calf: 'calves',
    elf: 'elves',
    leaf: 'leaves',
  };
  if (irregular[noun]) return irregular[noun];
  if (/[^aeiou]y$/.test(noun)) return `${noun.slice(0, -1)}ies`;
  return /(s|sh|ch|x)$/.test(noun) ? `${noun}es` : `${noun}s`;
}
