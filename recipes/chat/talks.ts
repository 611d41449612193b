/** Talks: single questions, several topics in turn, and facts that are told early and asked for late. */

import type { ChatMessage } from '../../src/text/corpus.ts';
import { SeededRandom } from '../../src/text/seededRandom.ts';
import { withoutMarks } from './grammar.ts';
import { noisy } from './noise.ts';
import type { Sources } from './sources.ts';
import { beyond } from './topics/beyond.ts';
import { everyday } from './topics/everyday.ts';
import { feelings } from './topics/feelings.ts';
import { echoed, followUp } from './topics/followUps.ts';
import { game, gameRounds } from './topics/games.ts';
import { identity } from './topics/identity.ts';
import { type FactName, factNames, likings } from './topics/kindsOfFacts.ts';
import { making } from './topics/making.ts';
import {
  addressed,
  correct,
  newFact,
  recall,
  recallAll,
  recallLikings,
  recallNothing,
  repeated,
  type ToldFact,
  tell,
  tellTogether,
} from './topics/memory.ts';
import { aside } from './topics/models.ts';
import { counting, product, sum } from './topics/numbers.ts';
import { outside } from './topics/outside.ts';
import { quizRounds } from './topics/quiz.ts';
import { greeting, smallTalk } from './topics/smallTalk.ts';
import { anyStory, story, storyAboutMe, storyAboutNobody } from './topics/stories.ts';
import { form, toolTalk } from './topics/tools.ts';
import { type Exchange, type Manner, shuffled, Voice } from './voice.ts';

type Topic = (voice: Voice, sources: Sources) => Exchange;

const making_: Topic = (voice, { facts }) => making(voice, facts);
const tale: Topic = (voice, sources) =>
  voice.chance(0.88) ? story(voice, sources) : anyStory(voice, sources);

/** Topics by how often they come up. */
const topics: readonly (readonly [number, Topic])[] = [
  [24, tale],
  [20, sum],
  [6, counting],
  [4, product],
  [9, beyond],
  [10, game],
  [10, identity],
  [3, aside],
  [5, making_],
  [10, feelings],
  [8, smallTalk],
  [2, greeting],
  [10, everyday],
  [18, outside],
  [5, repeated],
];

/** Answers of these are short, so that many fit between a fact and its recall. */
const shortTopics = topics.filter(([, topic]) => topic !== tale);

function topic(voice: Voice, sources: Sources, from = topics): Exchange {
  const total = from.reduce((total, [weight]) => total + weight, 0);
  let place = voice.random.integer(total);
  for (const [weight, make] of from) {
    if (place < weight) return make(voice, sources);
    place -= weight;
  }
  throw new RangeError('weights of topics do not add up');
}

export function shortExchange(voice: Voice, sources: Sources): Exchange {
  return topic(voice, sources, shortTopics);
}

function single(voice: Voice, sources: Sources): Exchange[] {
  return [topic(voice, sources)];
}

function several(voice: Voice, sources: Sources): Exchange[] {
  const count = 2 + voice.random.integer(5);
  const exchanges = Array.from({ length: count }, () => topic(voice, sources));
  return voice.chance(0.4) ? [greeting(voice), ...exchanges] : exchanges;
}

/** Facts are told, other things happen, and the facts are asked for; sometimes one that was never told. */
function remembered(voice: Voice, sources: Sources): Exchange[] {
  const kinds = factsInOrder(voice);
  const exchanges: Exchange[] = voice.chance(0.3) ? [greeting(voice)] : [];
  const facts: ToldFact[] = [];
  const told = voice.pick([1, 1, 1, 2, 2, 3]);
  const other = () => shortExchange(voice, sources);
  for (const kind of kinds.slice(0, told)) {
    exchanges.push(...toldFact(kind, facts, voice, sources));
    if (voice.chance(0.3)) exchanges.push(other());
  }
  for (let gap = voice.random.integer(9); gap > 0; gap--) {
    exchanges.push(voice.chance(0.06) ? tale(voice, sources) : other());
    if (voice.chance(0.15)) exchanges.push(recall(voice.pick(facts), voice, facts));
  }
  for (const fact of shuffled(facts, voice)) {
    exchanges.push(recall(fact, voice, facts));
    if (voice.chance(0.2)) exchanges.push(other());
  }
  const name = nameIn(facts);
  if (name !== undefined && voice.chance(0.15)) exchanges.push(storyAboutMe(voice, name));
  if (voice.chance(0.15)) exchanges.push(recallAll(facts, voice));
  const untold = kinds.slice(told).find((kind) => !isAnswered(kind, facts));
  if (untold !== undefined && voice.chance(0.15)) exchanges.push(recallNothing(untold, voice));
  return byName(exchanges, name, voice);
}

/** A question for one liking is not open where another was told: "I like soup" says something about favourite foods. */
function isAnswered(kind: FactName, facts: readonly ToldFact[]): boolean {
  return likings.includes(kind) && facts.some((fact) => likings.includes(fact.kind));
}

/** Several facts in a short time, each asked for again and again: many answers to learn from in few words. */
function quizzed(voice: Voice, sources: Sources): Exchange[] {
  const facts: ToldFact[] = [];
  const exchanges: Exchange[] = [];
  for (const kind of factsInOrder(voice).slice(0, voice.pick([1, 2, 2, 3, 3, 4]))) {
    exchanges.push(...toldFact(kind, facts, voice, sources));
    if (voice.chance(0.4)) exchanges.push(recall(voice.pick(facts), voice, facts));
  }
  for (let count = 3 + voice.random.integer(7); count > 0; count--) {
    exchanges.push(
      voice.chance(0.35) ? shortExchange(voice, sources) : recall(voice.pick(facts), voice, facts),
    );
  }
  return byName(exchanges, nameIn(facts), voice);
}

/** Names of several people and pets, asked for in another order: only who copies what was told can answer. */
export function introduced(voice: Voice, sources: Sources): Exchange[] {
  const kinds: FactName[] = shuffled(['name', 'person', 'person', 'person', 'pet', 'pet'], voice);
  const facts: ToldFact[] = [];
  for (const kind of kinds.slice(0, 2 + voice.random.integer(4))) {
    const fact = newFact(kind, voice, sources);
    if (!facts.some((other) => isSameQuestion(fact, other))) facts.push(fact);
  }
  const exchanges = toldInTurn(facts, voice);
  if (voice.chance(0.3)) exchanges.push(shortExchange(voice, sources));
  for (const fact of [...shuffled(facts, voice), ...shuffled(facts, voice)].slice(
    0,
    3 + voice.random.integer(4),
  )) {
    if (voice.chance(0.15)) exchanges.push(shortExchange(voice, sources));
    exchanges.push(recall(fact, voice, facts));
  }
  return exchanges;
}

function isSameQuestion(a: ToldFact, b: ToldFact): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind === 'person') return a.slots.relative === b.slots.relative;
  return a.kind !== 'pet' || a.slots.pet === b.slots.pet;
}

/** What the user likes, of one kind or several, perhaps among other facts; then "What do I like?" */
export function likingsAsked(voice: Voice, sources: Sources) {
  const others = voice.chance(0.5) ? [voice.pick<FactName>(['name', 'city', 'age', 'person'])] : [];
  const liked = shuffled(likings, voice).slice(0, voice.pick([0, 1, 1, 2, 2, 3]));
  const plainly: FactName[] = voice.chance(0.7) ? ['like'] : [];
  const facts = shuffled([...new Set([...others, ...plainly, ...liked])], voice).map((kind) =>
    newFact(kind, voice, sources),
  );
  const exchanges = toldInTurn(facts, voice);
  for (let gap = voice.pick([0, 0, 1, 2, 3, 5]); gap > 0; gap--)
    exchanges.push(shortExchange(voice, sources));
  return { facts, exchanges: [...exchanges, recallLikings(facts, voice)] };
}

/** The same, then each in turn. */
function fond(voice: Voice, sources: Sources): Exchange[] {
  const { facts, exchanges } = likingsAsked(voice, sources);
  const again = shuffled(facts, voice).slice(0, 2);
  return [...exchanges, ...again.map((fact) => recall(fact, voice, facts))];
}

/** Facts in order, some of them two in a message. */
function toldInTurn(facts: readonly ToldFact[], voice: Voice): Exchange[] {
  const [first, second, ...rest] = facts;
  if (first && second && voice.chance(0.4))
    return [tellTogether([first, second], voice), ...toldInTurn(rest, voice)];
  return first ? [tell(first, voice), ...toldInTurn(facts.slice(1), voice)] : [];
}

/** The name comes first in half of the talks: it is what people tell. */
function factsInOrder(voice: Voice): FactName[] {
  const kinds = shuffled(factNames, voice);
  return voice.chance(0.5) ? kinds.sort((a, b) => Number(b === 'name') - Number(a === 'name')) : kinds;
}

/** One more fact; one in ten is corrected at once. */
function toldFact(kind: FactName, facts: ToldFact[], voice: Voice, sources: Sources): Exchange[] {
  const fact = newFact(kind, voice, sources);
  const told = [tell(fact, voice)];
  const correction = voice.chance(0.1) ? correct(fact, voice, sources) : undefined;
  facts.push(correction?.fact ?? fact);
  return correction ? [...told, correction.exchange] : told;
}

function nameIn(facts: readonly ToldFact[]): string | undefined {
  return facts.find(({ kind }) => kind === 'name')?.slots.value;
}

/** In some talks it calls people by the name that they told. */
function byName(exchanges: Exchange[], name: string | undefined, voice: Voice): Exchange[] {
  if (name === undefined || voice.chance(0.6)) return exchanges;
  const known = exchanges.findIndex(({ assistant }) => withoutMarks(assistant).includes(name));
  return exchanges.map((exchange, k) =>
    k > known && exchange.rule?.gate !== 'recall' && voice.chance(0.5) ? addressed(exchange, name) : exchange,
  );
}

/** Questions about what was never told. */
function unremembered(voice: Voice, sources: Sources): Exchange[] {
  const gap = voice.random.integer(4);
  const before = Array.from({ length: gap }, () => shortExchange(voice, sources));
  const kind = voice.random.integer(10);
  if (kind < 2) return [...before, recallAll([], voice)];
  return [...before, kind < 4 ? storyAboutNobody(voice) : recallNothing(voice.pick(factNames), voice)];
}

function played(voice: Voice, sources: Sources): Exchange[] {
  const rounds = voice.chance(0.5) ? gameRounds(voice) : quizRounds(voice);
  return [...rounds, ...(voice.chance(0.3) ? [topic(voice, sources)] : [])];
}

function exchangesOf(voice: Voice, sources: Sources): Exchange[] {
  const kind = voice.random.integer(100);
  if (kind < 18) return single(voice, sources);
  if (kind < 36) return several(voice, sources);
  if (kind < 56) return remembered(voice, sources);
  if (kind < 68) return quizzed(voice, sources);
  if (kind < 80) return introduced(voice, sources);
  if (kind < 86) return fond(voice, sources);
  if (kind < 89) return unremembered(voice, sources);
  if (kind < 94) return played(voice, sources);
  return [form(voice)];
}

/** Of all talks, those with tools. */
const toolShare = 0.05;

const echoShare = 0.02;

/** What some exchanges lead to; a joke or a sum may lead on several times. */
function withFollowUps(exchanges: readonly Exchange[], voice: Voice, sources: Sources): Exchange[] {
  return exchanges.flatMap((exchange) => {
    if (voice.chance(echoShare)) return echoed(exchange, voice);
    const chain = [exchange];
    for (let last: Exchange | undefined = exchange; last && chain.length < 4; ) {
      last = followUp(last, voice, sources);
      if (last) chain.push(last);
    }
    return chain;
  });
}

/** Talk number `index` of a seed: the same messages each time. */
export function talk(
  seed: number,
  index: number,
  sources: Sources,
  manner: Manner = 'taught',
): ChatMessage[] {
  const random = new SeededRandom(seed * 2 ** 32 + index);
  const voice = new Voice(random, manner);
  if (voice.chance(toolShare)) {
    const { system, exchanges } = toolTalk(voice);
    return [{ role: 'system', content: withoutMarks(system) }, ...messagesOf(exchanges, (text) => text)];
  }
  const exchanges = withFollowUps(exchangesOf(voice, sources), voice, sources);
  return messagesOf(exchanges, (text) => noisy(text, random));
}

function messagesOf(exchanges: readonly Exchange[], typed: (text: string) => string): ChatMessage[] {
  return exchanges.flatMap(({ user, assistant }) => [
    { role: 'user', content: withoutMarks(typed(user)) },
    { role: 'assistant', content: withoutMarks(assistant) },
  ]);
}

/**
 * Distinct talks, in a fixed order.
 * @param manner of the user's wordings
 * @param part every `of`-th talk, from number `part` on
 */
export function* talks(
  seed: number,
  count: number,
  sources: Sources,
  manner: Manner = 'taught',
  { part, of } = { part: 0, of: 1 },
): Generator<ChatMessage[]> {
  const seen = new Set<string>();
  for (let index = part; seen.size < count; index += of) {
    const messages = talk(seed, index, sources, manner);
    const key = messages.map(({ content }) => content).join('\n');
    if (seen.has(key)) continue;
    seen.add(key);
    yield messages;
  }
}
