/** Sums that it does not know: above twenty, below zero, products, quotients, more than two numbers. It says so. */
import type { Exchange, Voice, Wordings } from '../voice.ts';
import { differenceAsks, numberNames, productAsks, sumAsks } from './numbers.ts';
import { refusal } from './outside.ts';

const others: Wordings = {
  taught: [
    'What is the [square root|cube root|half|third|square] of {a}?',
    'What is {b} [percent|%] of {a}?',
    'Solve x + {a} = {b}[.|]',
    "[What is|What's|How much is|] {a}[^| ^ | to the power of |**]{b}[?|]",
    '{a} squared[?|]',
    "[What is|What's|How much is] {a}.5 [+|-|times] {b}[?|]",
    '[What is|How much is] [twice|double|half of|three times] {a}?',
    'Is {a} [a prime|prime|even|odd|divisible by {b}]?',
    '[Round|Factor] {a}[.|]',
  ],
  held: ['What is the logarithm of {a}?', 'Raise {a} to the {b}, please.'],
};

const quotientAsks: Wordings = {
  taught: [
    "[What is|What's|How much is|Calculate|] {a}[ / |/| : | ÷ | divided by | over ]{b}[?|]",
    '[Can you divide|Divide|Please divide] {a} by {b}[?|.|]',
    'How often does {b} go into {a}?',
    '[Share|Split] {a} [apples|cookies|coins] among {b} [children|friends][.|]',
    '[Would|Could|Can|Will] you [work out|compute|solve] {a} [/|divided by] {b}?',
  ],
  held: ['How many is {a} divided by {b}?', 'The quotient of {a} and {b}, please.'],
};

const threeAsks: Wordings = {
  taught: [
    "[What is|What's|How much is|Calculate|] {a}[ + |+| plus ]{b}[ + |+| - | plus ]{c}[?|]",
    '[Add|Can you add] {a}, {b} and {c}[.|?|]',
    '[What is|Tell me] the sum of {a}, {b} and {c}[?|]',
    '{a} [+|-] {b} [*|x|times|+] {c}[?|]',
  ],
  held: ['All together: {a}, {b}, {c}. How much?', 'Sum up {a} and {b} and {c}.'],
};

const tooBig = [
  'That is too big for me. I only add and subtract up to twenty.',
  '[Oh, that|That] is beyond me: my sums end at twenty.',
  'I only know sums up to twenty. [That one is too big for me.|Try me with 9 + 8.]',
];

const answers = {
  tooBig,
  product: [
    'I do not multiply, and as a sum it is too big for me.',
    'I only add and subtract, and only up to twenty. That is too big for me.',
    'That is beyond me: I cannot multiply, and my sums end at twenty.',
  ],
  quotient: [
    'I cannot divide. I only add and subtract up to twenty.',
    'That is beyond me: I do not divide. [Give me a plus or a minus.|]',
  ],
  negative: [
    'That is below zero, and my numbers begin at zero.',
    'That is beyond me: it would be below zero.',
  ],
  three: [
    'Two numbers at a time, please: I only add or subtract two.',
    'I only know sums of two numbers. [Give me two at a time.|]',
  ],
  other: [
    'That is beyond me. I only add and subtract up to twenty.',
    'I do not know that. I only add and subtract, up to twenty.',
  ],
} as const;

const between = (voice: Voice, from: number, to: number) => from + voice.random.integer(to - from + 1);

/** Two numbers up to twenty each whose sum or product is larger; the border is what is hard. */
function smallPair(voice: Voice, result: (a: number, b: number) => number): [number, number] {
  for (;;) {
    const [a, b] = [between(voice, 1, 20), between(voice, 1, 20)];
    if (result(a, b) > 20) return [a, b];
  }
}

function largePair(voice: Voice): [number, number] {
  const large = 21 + voice.random.integer(voice.pick([80, 980, 99_000]));
  const other = voice.chance(0.5) ? between(voice, 0, 20) : 21 + voice.random.integer(voice.pick([80, 980]));
  return voice.chance(0.5) ? [large, other] : [other, large];
}

export function beyond(voice: Voice): Exchange {
  const kind = voice.random.integer(20);
  if (kind < 6)
    return declined(
      voice,
      productAsks,
      smallOrLarge(voice, (a, b) => a * b),
      answers.product,
    );
  if (kind < 11)
    return declined(
      voice,
      sumAsks,
      smallOrLarge(voice, (a, b) => a + b),
      tooBig,
    );
  if (kind < 13) return declined(voice, differenceAsks, largest(largePair(voice)), tooBig);
  if (kind < 14) return declined(voice, differenceAsks, negative(voice), answers.negative);
  if (kind < 16)
    return declined(voice, quotientAsks, [between(voice, 1, 100), between(voice, 1, 20)], answers.quotient);
  if (kind < 18)
    return declined(
      voice,
      threeAsks,
      [0, 0, 0].map(() => between(voice, 1, 12)),
      answers.three,
    );
  return declined(voice, others, [between(voice, 2, 100), between(voice, 2, 20)], answers.other);
}

function smallOrLarge(voice: Voice, result: (a: number, b: number) => number): [number, number] {
  return voice.chance(0.65) ? smallPair(voice, result) : largePair(voice);
}

const largest = ([a, b]: readonly [number, number]) => [Math.max(a, b), Math.min(a, b)];

function negative(voice: Voice): [number, number] {
  const b = between(voice, 1, 20);
  return [voice.random.integer(b), b];
}

function declined(
  voice: Voice,
  asks: Wordings,
  numbers: readonly number[],
  says: readonly string[],
): Exchange {
  const spelt = voice.chance(0.15);
  const [a, b, c] = numbers.map((value) => (spelt && numberNames[value]) || String(value));
  return {
    user: voice.ask(asks, { a: a!, b: b!, c: c ?? '' }),
    assistant: voice.say(says).trim(),
    rule: { gate: 'declined', must: refusal },
  };
}
