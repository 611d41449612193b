/** Held-out prompts with the rules that judge their answers: wordings, questions and values that no talk contains. */
import { SeededRandom } from '../../src/text/seededRandom.ts';
import { withoutMarks } from './grammar.ts';
import type { Sources } from './sources.ts';
import { introduced, likingsAsked, shortExchange } from './talks.ts';
import { beyond } from './topics/beyond.ts';
import { everyday } from './topics/everyday.ts';
import { feelings } from './topics/feelings.ts';
import { echoed, followUp } from './topics/followUps.ts';
import { game } from './topics/games.ts';
import { identity } from './topics/identity.ts';
import { factNames } from './topics/kindsOfFacts.ts';
import { making } from './topics/making.ts';
import { newFact, recall, recallNothing, tell } from './topics/memory.ts';
import { aside } from './topics/models.ts';
import { counting, product, sum } from './topics/numbers.ts';
import { outside } from './topics/outside.ts';
import { story } from './topics/stories.ts';
import { form, type ToolTalk, toolTalk } from './topics/tools.ts';
import { type Exchange, type Rule, Voice } from './voice.ts';
import { heldSubjects, subjects } from './words/subjects.ts';

/** A gate, or a harder variant that is reported but has no threshold. */
export type CaseGroup =
  | Rule['gate']
  | 'story (unseen subject)'
  | 'recall (unseen name)'
  | 'recall (never told)'
  | 'recall (several people)'
  | 'recall (what I like)'
  | 'declined (sums)'
  | 'follow-ups'
  | 'novel wordings';

export interface Case {
  readonly group: CaseGroup;
  readonly system?: string | undefined;
  /** What the user says, turn by turn; the rule judges the last answer. */
  readonly turns: readonly string[];
  readonly rule: Rule;
  /** What the generator answers. */
  readonly reference: string;
}

/** Exchanges with other topics between a fact and the question for it. */
const turnsBetween = { min: 5, max: 8 };

type Make = (
  voice: Voice,
  sources: Sources,
  index: number,
) => readonly Exchange[] | { readonly system: string; readonly exchanges: readonly Exchange[] };

const groups: readonly (readonly [CaseGroup, number, Make])[] = [
  ['identity', 70, (voice) => [identity(voice)]],
  ['making', 30, (voice, { facts }) => [making(voice, facts)]],
  ['sums', 100, (voice) => [voice.chance(0.9) ? sum(voice) : product(voice)]],
  ['counting', 40, (voice) => [counting(voice)]],
  ['story', 100, (voice, sources) => [story(voice, sources, voice.pick(subjects))]],
  [
    'story (unseen subject)',
    40,
    (voice, sources, k) => [story(voice, sources, heldSubjects[k % heldSubjects.length]!)],
  ],
  ['games', 60, (voice) => [game(voice)]],
  ['recall', 80, (voice, sources) => recalled(voice, sources)],
  ['recall (unseen name)', 40, (voice, sources) => recalled(voice, sources, true)],
  [
    'recall (never told)',
    20,
    (voice, sources) => [shortExchange(voice, sources), recallNothing(voice.pick(factNames), voice)],
  ],
  ['feelings', 40, (voice) => [feelings(voice)]],
  ['declined', 110, (voice, sources) => [voice.chance(0.85) ? outside(voice, sources) : beyond(voice)]],
  ['forms', 30, (voice) => [form(voice)]],
  ['novel wordings', 160, (voice, sources) => [novel(voice, sources)]],
  ['tools', 30, (voice) => firstCall(toolTalk(voice))],
  ['recall (several people)', 60, introduced],
  ['recall (what I like)', 60, (voice, sources) => likingsAsked(voice, sources).exchanges],
  ['declined (sums)', 80, (voice) => [beyond(voice)]],
  ['everyday', 80, (voice) => [voice.chance(0.8) ? everyday(voice) : aside(voice)]],
  ['follow-ups', 60, (voice, sources) => followed(voice, sources)],
];

/** Of the topics that have a rule, in forms of which no part is taught. */
function novel(voice: Voice, sources: Sources): Exchange {
  const makes = [identity, sum, counting, game, feelings] as const;
  const kind = voice.random.integer(makes.length + 2);
  if (kind < makes.length) return makes[kind]!(voice);
  return kind === makes.length ? making(voice, sources.facts) : story(voice, sources, voice.pick(subjects));
}

/** What follows a sum or a story. */
function followed(voice: Voice, sources: Sources): Exchange[] {
  for (;;) {
    const first = voice.chance(0.7) ? sum(voice) : story(voice, sources, voice.pick(subjects));
    const second = followUp(first, voice, sources);
    if (second?.rule) return [first, second];
    const echo = echoed(shortExchange(voice, sources), voice);
    if (echo.length === 2 && voice.chance(0.1)) return echo;
  }
}

/** The result of a tool would have to come from the tool. */
function firstCall({ system, exchanges }: ToolTalk) {
  return { system, exchanges: exchanges.slice(0, 1) };
}

function recalled(voice: Voice, sources: Sources, unseen = false): Exchange[] {
  const { min, max } = turnsBetween;
  const fact = newFact(unseen || voice.chance(0.5) ? 'name' : voice.pick(factNames), voice, sources, unseen);
  const between = Array.from({ length: min + voice.random.integer(max - min + 1) }, () =>
    shortExchange(voice, sources),
  );
  return [tell(fact, voice), ...between, recall(fact, voice)];
}

/** @param sources the held-out ones */
export function heldOutCases(sources: Sources, seed = 1): Case[] {
  return groups.flatMap(([group, count, make], order) => {
    const seen = new Set<string>();
    const found: Case[] = [];
    for (let index = 0; found.length < count && index < 40 * count; index++) {
      const random = new SeededRandom(seed * 2 ** 32 + order * 1e6 + index);
      const voice = new Voice(random, group.startsWith('novel') ? 'novel' : 'held');
      const made = make(voice, sources, index);
      const { system, exchanges } = 'system' in made ? made : { system: undefined, exchanges: made };
      const turns = exchanges.map(({ user }) => withoutMarks(user));
      const { rule, assistant } = exchanges.at(-1)!;
      if (!rule) throw new RangeError(`${group}: found an exchange without a rule`);
      const key = [system, ...turns].join('\n');
      if (seen.has(key)) continue;
      seen.add(key);
      found.push({
        group,
        ...(system === undefined ? {} : { system }),
        turns,
        rule,
        reference: withoutMarks(assistant),
      });
    }
    return found;
  });
}
