/** Who speaks: chooses wordings by a seed, either for training or for measuring. */
import type { SeededRandom } from '../../src/text/seededRandom.ts';
import { mix32 } from '../../src/text/seededRandom.ts';
import { alternatives, capitalised, expand, filled, type Slots } from './grammar.ts';
import { plain } from './plain.ts';

/** Patterns of a user's message. The last of `held` and all of `novel` are for measuring only. */
export interface Wordings {
  readonly taught: readonly string[];
  readonly held: readonly string[];
  readonly novel?: readonly string[];
}

/** What a gate measures. */
const gateNames = [
  'identity',
  'making',
  'sums',
  'counting',
  'story',
  'games',
  'recall',
  'feelings',
  'declined',
  'forms',
  'tools',
  'everyday',
] as const;

export type GateName = (typeof gateNames)[number];

/** When an answer is right: it matches `must` and does not match `never`. Regular expressions, flags "is". */
export interface Rule {
  readonly gate: GateName;
  readonly must: string;
  readonly never?: string;
}

export interface Exchange {
  readonly user: string;
  readonly assistant: string;
  readonly rule?: Rule;
}

/** Before and after a message, so that wordings are many. */
const openings =
  'One question: |I wonder: |By the way: |By the way, |Now then. |So: |So, |Hey, |Hi! |Hello! |Okay. |OK, |Well, |Please: |PlusMinus, |Quick question: |Another thing: |And |Tell me: |Listen: |Next: |Just curious: |Say, |Oh, |Right. |Good. |Thanks. |Fine. |Hm. |Then: |Now: |First: |Again: |Yes. |No. '.split(
    '|',
  );
const endings =
  ' Please.| Thanks!| I am curious.| OK?| Thank you.| Go!| Come on.| I want to know.| That is all.'.split(
    '|',
  );
const openingShare = 0.35;

/** What polite people write before they ask. */
const greetings =
  '[Hello there!|Hello!|Hi!|Good morning!|Dear PlusMinus,] I am a [teacher|student|nurse|father|mother|journalist|pupil|pensioner|programmer] [from [Berlin|London|Paris|Rome|Oslo|Madrid|Delhi|Boston]|and new here].';
const preambles = [
  '[I would like to show my class|I want to know|My children would like to know|I am curious] how [language models|small models|you] work. [So here is my question.|Could you help us with this?|]',
  'I [found|opened|saw] this page [today|just now|by chance].',
  '[A friend|My son|My teacher|Somebody] [told me about you|showed me this page].',
  '[I hope that you are well|I hope I am not disturbing you|Thank you for your time].',
  'I have never talked to a [model|machine|program] before.',
];
const preambleShare = 0.04;
const endingShare = 0.06;

/** One wording in eight is held out, by its letters. */
const heldShare = 8;

function isHeldWording(wording: string): boolean {
  return (
    [...plain(wording)].reduce((sum, letter) => mix32(sum ^ letter.codePointAt(0)!), 7) % heldShare === 0
  );
}

/**
 * `taught`: wordings for training. `held`: composed of the same parts, but no training talk has them. `novel`: forms
 * of which no part is taught.
 */
export type Manner = 'taught' | 'held' | 'novel';

export class Voice {
  readonly random: SeededRandom;
  readonly manner: Manner;

  constructor(random: SeededRandom, manner: Manner = 'taught') {
    this.random = random;
    this.manner = manner;
  }

  /** Whether the talk is for measuring. */
  get held(): boolean {
    return this.manner !== 'taught';
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random.integer(list.length)]!;
  }

  chance(probability: number): boolean {
    return this.random.uniform() < probability;
  }

  /** A message of the user. */
  ask({ taught, held, novel: more = [] }: Wordings, slots: Slots = {}): string {
    const wanted = this.manner === 'held';
    const patterns =
      this.manner === 'novel' ? [...held.slice(-1), ...more] : [...taught, ...held.slice(0, -1)];
    const novel = plain(held.at(-1) ?? '');
    let wording = '';
    for (let tries = 0; tries < 200; tries++) {
      wording = alternatives(this.pick(patterns), this.random).trim();
      if (this.manner === 'novel') break;
      if (plain(wording) === novel) continue;
      wording = this.#surrounded(wording);
      if (isHeldWording(wording) === wanted) break;
    }
    return capitalised(filled(wording, slots)).trim();
  }

  #surrounded(wording: string): string {
    if (this.chance(preambleShare)) return this.#introduced(wording);
    let text = wording;
    if (this.chance(openingShare)) {
      const opening = this.pick(openings);
      const lower = /, $|^And $/.test(opening) && !/^(I\b|PlusMinus|\{)/.test(text);
      text = opening + (lower ? text[0]!.toLowerCase() + text.slice(1) : capitalised(text));
    }
    return this.chance(endingShare) ? text + this.pick(endings) : text;
  }

  #introduced(wording: string): string {
    const others = shuffled(preambles, this).slice(0, this.pick([0, 1, 1, 2]));
    const before = others.length === 0 || this.chance(0.5) ? [greetings, ...others] : others;
    const said = before.map((pattern) => alternatives(pattern, this.random).trim());
    return [...said, capitalised(wording)].join(' ');
  }

  /** An answer. */
  say(patterns: readonly string[], slots: Slots = {}): string {
    return expand(this.pick(patterns), this.random, slots).trim();
  }
}

export function shuffled<T>(items: readonly T[], voice: Voice): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(voice.random.integer(rest.length), 1)[0]!);
}

/** A word of an answer as a pattern of a rule. */
export function word(text: string): string {
  return `(?<![\\w])${text.replace(/[.*+?^$()[\]{}|\\]/g, '\\$&')}(?![\\w])`;
}
