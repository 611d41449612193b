/** What a message leads to: an offer is accepted or refused, a sum is continued or doubted, a story is asked about. */
import { asValue, withoutMarks } from '../grammar.ts';
import { type Exchange, type Voice, type Wordings, word } from '../voice.ts';
import { numberNames } from './numbers.ts';
import { anotherJoke } from './smallTalk.ts';
import {
  acceptedStory,
  anotherStory,
  anyStory,
  refusedStory,
  type StorySources,
  story,
  storyRemark,
} from './stories.ts';

/** The exchange that follows in some talks. */
export function followUp(before: Exchange, voice: Voice, sources: StorySources): Exchange | undefined {
  const text = withoutMarks(before.assistant);
  if (/story( about an? \S+)?\?$|tell one\?$/.test(text) && voice.chance(0.5))
    return offered(text, voice, sources);
  if (before.rule?.gate === 'story' && voice.chance(0.16))
    return voice.chance(0.5) ? anotherStory(voice, sources) : storyRemark(voice, before);
  if (before.rule?.gate === 'sums' && voice.chance(0.3)) return afterSum(text, voice);
  return voice.chance(0.5) ? anotherJoke(voice, before) : undefined;
}

function offered(text: string, voice: Voice, sources: StorySources): Exchange {
  const subject = /story about an? (\S+)\?$/.exec(text)?.[1];
  if (voice.chance(0.2)) return refusedStory(voice);
  return acceptedStory(
    voice,
    subject === undefined ? anyStory(voice, sources) : story(voice, sources, subject),
  );
}

const moreAsks: Wordings = {
  taught: [
    '[And|Now|Then|] [add|plus] {n}[| to that| more][?|.|]',
    'And {n} more[?|.|]',
    '[+|plus|and +] {n}[?|]',
    'And if I add {n}[ more|][?|]',
  ],
  held: ['Put {n} on top of that.', 'If {n} more come?'],
};
const lessAsks: Wordings = {
  taught: [
    '[And|Now|Then|] [subtract|minus|take away] {n}[| from that][?|.|]',
    'And {n} less[?|.|]',
    '[-|minus|and -] {n}[?|]',
    'And if I take away {n}[?|]',
  ],
  held: ['Remove {n} of them.', 'If {n} of them go?'],
};
const doubtAsks: Wordings = {
  taught: [
    'Why[ is that|][?|]',
    '[Are you sure|Really|Is that right|Is that true|Sure][?|]',
    'How do you [know|do that|get that|find that][?|]',
    '[That is wrong|Wrong|No|I do not think so|That is not right][.|!|]',
  ],
  held: ['Could you verify that?', 'I doubt it.'],
};
const tooBig = [
  'That is too big for me: my sums end at twenty.',
  'That is beyond me: my sums end at twenty.',
];
const below = ['That is below zero, and my numbers begin at zero.'];

/** "5 + 3 = 8." and then "And 2 more?" or "Are you sure?" */
function afterSum(text: string, voice: Voice): Exchange | undefined {
  const found = /(\d+) (\+|−|plus|minus) (\d+) (?:=|is) (\d+)\.?/.exec(text);
  if (!found) return undefined;
  const [, a, sign, b, result] = found;
  if (voice.chance(0.3)) {
    const line = `${a} ${/\+|plus/.test(sign!) ? '+' : '−'} ${b} = ${result}`;
    const says = [`Yes, I get ${result}: ${line}.`, `I get ${result}: ${line}.`];
    return exchange(voice, doubtAsks, {}, says, lastNumber(result!));
  }
  return continued(Number(result), voice);
}

function continued(from: number, voice: Voice): Exchange {
  const n = 1 + voice.random.integer(voice.pick([5, 10, 20]));
  const adds = voice.chance(0.6);
  const total = adds ? from + n : from - n;
  const slots = { n: (voice.chance(0.2) && numberNames[n]) || String(n) };
  const asks = adds ? moreAsks : lessAsks;
  if (total > 20) return exchange(voice, asks, slots, tooBig, 'too big|beyond me');
  if (total < 0) return exchange(voice, asks, slots, below, 'below zero');
  const line = `${from} ${adds ? '+' : '−'} ${n} = ${total}.`;
  return exchange(
    voice,
    asks,
    slots,
    [line, line, `Then it is ${total}: ${line}`],
    lastNumber(String(total)),
  );
}

const lastNumber = (value: string) => `${word(value)}(?!.*\\d)`;

function exchange(
  voice: Voice,
  asks: Wordings,
  slots: Readonly<Record<string, string>>,
  says: readonly string[],
  must: string,
): Exchange {
  return { user: voice.ask(asks, slots), assistant: voice.say(says), rule: { gate: 'sums', must } };
}

const echoAsks: Wordings = {
  taught: [
    'What did I [just say|say|just write|just ask|ask you]?',
    'What was my last [message|question|sentence]?',
    '[Repeat|Say again] what I [said|just said|wrote][.|]',
  ],
  held: ['Which words did I use a moment ago?'],
};
const longestEcho = 60;

/** A short message, and the question what it was. */
export function echoed(before: Exchange, voice: Voice): Exchange[] {
  const said = withoutMarks(before.user);
  if (said.length > longestEcho) return [before];
  const rule = { gate: 'everyday', must: word(said) } as const;
  const assistant = `You said: ${asValue(said)}`;
  return [
    { ...before, user: asValue(said) },
    { user: voice.ask(echoAsks), assistant, rule },
  ];
}
