/** Facts that the user tells and asks for later. */
import { capitalised, listed } from '../grammar.ts';
import type { OpenWords } from '../sources.ts';
import { type Exchange, type Voice, type Wordings, word } from '../voice.ts';
import { heldNames, inventedName } from '../words/names.ts';
import { pets, relatives } from '../words/subjects.ts';
import { type FactName, kinds, likings } from './kindsOfFacts.ts';

export interface ToldFact {
  readonly kind: FactName;
  readonly slots: { readonly value: string; readonly pet: string; readonly relative: string };
}

export function newFact(kind: FactName, voice: Voice, words: OpenWords, unseen = false): ToldFact {
  const value = unseen && kind === 'name' ? voice.pick(heldNames) : newValue(kind, voice, words);
  return { kind, slots: { value, pet: voice.pick(pets), relative: voice.pick(relatives) } };
}

function newValue(kind: FactName, voice: Voice, { nouns, rareNouns, pieces }: OpenWords): string {
  const isName = kind === 'name' || kind === 'pet' || kind === 'person';
  if (isName && voice.chance(0.75)) return inventedName((list) => voice.pick(list), pieces);
  const open = voice.chance(0.5) ? nouns : rareNouns;
  if (kind === 'word' && open.length > 0 && voice.chance(0.8)) return voice.pick(open);
  return voice.pick(kinds[kind].values);
}

export function tell({ kind, slots }: ToldFact, voice: Voice): Exchange {
  const typed = { ...slots, value: typedAs(kind, slots.value, voice) };
  return { user: voice.ask(kinds[kind].tells, typed), assistant: voice.say(kinds[kind].heard, slots) };
}

/** Names that everybody knows are often typed without a capital. */
function typedAs(kind: FactName, value: string, voice: Voice): string {
  const isKnown = kinds[kind].values.includes(value);
  return isKnown && !voice.held && voice.chance(0.2) ? value.toLowerCase() : value;
}

/** @param facts all that were told: "What do I like?" asks for each liking among them */
export function recall(fact: ToldFact, voice: Voice, facts: readonly ToldFact[] = [fact]): Exchange {
  if (fact.kind === 'like') return recallLikings(facts, voice);
  const { kind, slots } = fact;
  const { asks, says } = kinds[kind];
  return {
    user: voice.ask(asks, slots),
    assistant: voice.say(says, slots).trim(),
    rule: { gate: 'recall', must: word(slots.value) },
  };
}

/** "What do I like?", after any facts. */
export function recallLikings(facts: readonly ToldFact[], voice: Voice): Exchange {
  const liked = facts.filter(({ kind }) => likings.includes(kind));
  const [first] = liked;
  if (!first) return recallNothing('like', voice);
  const alone = liked.length === 1 && first.kind === 'like';
  return {
    user: voice.ask(kinds.like.asks),
    assistant: alone ? voice.say(kinds.like.says, first.slots).trim() : said(liked, voice),
    rule: { gate: 'recall', must: everyValue(liked) },
  };
}

/** "Your name is Mia and you like soup." */
function said(facts: readonly ToldFact[], voice: Voice): string {
  const phrases = facts.map(({ kind, slots }) => voice.say([kinds[kind].phrase], slots)).map(inSentence);
  return `${capitalised(listed(phrases))}.`;
}

/** "my name is Mia", but "I like soup". */
const inSentence = (text: string) => (/^I\b/.test(text) ? text : text[0]!.toLowerCase() + text.slice(1));

const everyValue = (facts: readonly ToldFact[]) =>
  `^${facts.map(({ slots }) => `(?=.*${word(slots.value)})`).join('')}`;

const together: Wordings = {
  taught: [
    '{a} and {b}[.|!|]',
    '{a}, and {b}[.|!|]',
    '[Hi|Hello|Hey][!|,] {a} and {b}[.|!|]',
    '{a}. {b}[.|]',
    '[Remember|Please remember|You should know]: {a} and {b}[.|]',
    '{a}, {b}[.|]',
  ],
  held: ['First, {a}; second, {b}.', 'Two things about me: {a}, and {b}.'],
};

/** Two facts in one message: "My name is Mia and I like soup." */
export function tellTogether(facts: readonly [ToldFact, ToldFact], voice: Voice): Exchange {
  const [a, b] = facts.map((fact) => ownWords(fact, voice));
  const [name] = facts.filter(({ kind }) => kind === 'name');
  const others = facts.filter((fact) => fact !== name);
  const rest = said(others, voice);
  const heard = name
    ? [`Nice to meet you, {value}! I will remember: {rest}`, `Hello {value}! {Rest}`]
    : ['I will remember: {rest}', '{Rest} [I will remember that.|Good to know.|]'];
  const slots = { value: name?.slots.value ?? '', rest: inSentence(rest), Rest: rest };
  return {
    user: voice.ask(together, { a: a!, b: b! }),
    assistant: voice.say(heard, slots).trim(),
  };
}

/** What the model says of the user, as the user says it: "your name is Mia" → "my name is Mia". */
function ownWords({ kind, slots }: ToldFact, voice: Voice): string {
  const typed = { ...slots, value: typedAs(kind, slots.value, voice) };
  if (kind === 'name') return inSentence(voice.say(["[my name is|I am|I'm] {value}"], typed));
  const phrase = kinds[kind].phrase
    .replace(/^your\b/, 'my')
    .replace(/^you are\b/, 'I am')
    .replace(/^you\b/, 'I');
  return inSentence(voice.say([phrase], typed));
}

const corrections: Wordings = {
  taught: [
    '[Actually|No, actually|Wait|Sorry][,] it is {value}[.|]',
    '[I was wrong|I made a mistake]: it is {value}[.|]',
    '[I meant|Sorry, I meant] {value}[.|]',
  ],
  held: ['Let me correct that: {value}.', 'That should have been {value}.'],
};

/** The same fact with another value, just after it was told. */
export function correct(
  fact: ToldFact,
  voice: Voice,
  words: OpenWords,
): { fact: ToldFact; exchange: Exchange } {
  let value = fact.slots.value;
  while (value === fact.slots.value) value = newValue(fact.kind, voice, words);
  const slots = { ...fact.slots, value };
  const heard = ['All right: {value}.', 'Then it is {value}. [I will remember.|]', 'Good, {value}.'];
  return {
    fact: { kind: fact.kind, slots },
    exchange: { user: voice.ask(corrections, slots), assistant: voice.say(heard, slots).trim() },
  };
}

const untold = [
  'You have not told me yet.',
  'I do not know: you have not told me[ yet|].',
  'You have not told me[ yet|]. [Tell me, and I will remember it.|What is it?|]',
];

/** A question about what was not told. */
export function recallNothing(kind: FactName, voice: Voice): Exchange {
  const slots = { value: '', pet: voice.pick(pets), relative: voice.pick(relatives) };
  return {
    user: voice.ask(kinds[kind].asks, slots),
    assistant: voice.say(untold).trim(),
    rule: { gate: 'recall', must: 'not told me' },
  };
}

const allAsks: Wordings = {
  taught: [
    'What do you know about me[?|]',
    'What did I tell you[?|]',
    '[Tell me|Say] what you know about me[.|]',
    'What do you remember[?|]',
    'What have I told you[| so far][?|]',
  ],
  held: ['List what I said about myself.', 'Everything you know of me, please.'],
};

export function recallAll(facts: readonly ToldFact[], voice: Voice): Exchange {
  if (facts.length === 0)
    return {
      user: voice.ask(allAsks),
      assistant: voice.say([
        'Nothing yet. Tell me your name, and I will remember it.',
        'You have not told me anything about you yet.',
      ]),
    };
  return {
    user: voice.ask(allAsks),
    assistant: said(facts, voice),
    rule: { gate: 'recall', must: everyValue(facts) },
  };
}

const repeatAsks: Wordings = {
  taught: [
    '[Repeat|Say|Echo|Repeat after me][:|] {words}[.|]',
    '[Can|Could|Will] you [say|repeat] {words}[?|]',
    'Say {words}[ for me| once|, please|][.|]',
    'Now you say {words}[.|]',
  ],
  held: ['Try to say {words}.', 'Copy this: {words}.'],
};

/** One to three words, said again at once: the shortest of all memories. */
export function repeated(voice: Voice, words: OpenWords): Exchange {
  const one = () => newValue(voice.pick(['word', 'word', 'name']), voice, words);
  const said = Array.from({ length: voice.pick([1, 1, 2, 3]) }, one);
  const slots = { words: voice.chance(0.4) ? said.join(' ') : listed(said) };
  return {
    user: voice.ask(repeatAsks, slots),
    assistant: voice.say(['[Gladly|All right|Yes]: {words}.', 'I say {words}.'], slots),
    rule: { gate: 'recall', must: word(slots.words) },
  };
}

/** The answer addresses somebody whose name it knows: "7 + 5 = 12, Mia." */
export function addressed(exchange: Exchange, name: string): Exchange {
  const { assistant, rule } = exchange;
  const fits =
    assistant.length < 80 && /^[A-Z\d].*[a-z\d\uE001][.!]$/.test(assistant) && rule?.gate !== 'games';
  if (!fits) return exchange;
  return { ...exchange, assistant: `${assistant.slice(0, -1)}, ${name}${assistant.at(-1)}` };
}
