/** Who speaks: chooses wordings by a seed. A held-out voice asks in wordings that no training talk contains. */
import type { SeededRandom } from '../../src/text/seededRandom.ts';
import { expand, type Slots } from './grammar.ts';

/** Patterns of a user's message. `held` ones are for measuring only. */
export interface Wordings {
  readonly taught: readonly string[];
  readonly held: readonly string[];
}

/** What a gate measures. */
export const gateNames = [
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

/** Before a held-out question, so that there are more of them. */
const heldOpenings = ['One question: ', 'I wonder: ', 'By the way: ', 'Now then. ', 'So: '];

export class Voice {
  readonly random: SeededRandom;
  readonly held: boolean;

  constructor(random: SeededRandom, held = false) {
    this.random = random;
    this.held = held;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random.integer(list.length)]!;
  }

  chance(probability: number): boolean {
    return this.random.uniform() < probability;
  }

  /** A message of the user. */
  ask(wordings: Wordings, slots: Slots = {}): string {
    if (!this.held) return expand(this.pick(wordings.taught), this.random, slots).trim();
    const opening = this.chance(0.5) ? '' : this.pick(heldOpenings);
    return (opening + expand(this.pick(wordings.held), this.random, slots)).trim();
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
