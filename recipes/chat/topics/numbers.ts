/** Sums and differences up to twenty, counting, comparing. */

import { type Exchange, type Voice, type Wordings, word } from '../voice.ts';

export const numberNames =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'.split(
    ' ',
  );

const largest = 20;

/** The answer is the last number. */
const lastNumber = (value: number) => `${word(String(value))}(?!.*\\d)`;

export const sumAsks: Wordings = {
  taught: [
    "[What is|What's|How much is|Calculate|Compute|] {a}[ + | plus | and ]{b}[?|]",
    '{a}[ + |+]{b}[| =| = ?|=|=?]',
    '[Can you add|Add|Please add] {a} and {b}[?|.|]',
    '[What do you get|What do I get] if [you|I] add {b} to {a}?',
    '[What is|Tell me] the sum of {a} and {b}[?|.]',
    'I have {a} [apples|cookies|books|balls|coins] and get {b} more. How many do I have[| now]?',
    'There are {a} [birds|ducks|cats|children] and {b} more come. How many are there?',
    'How many [are|is|make] {a} and {b}?',
    '[Would|Could|Can|Will] you [work out|compute|solve|find|do] {a} [+|plus] {b}[| for me]?',
    '[Put|Take|Throw] {a} and {b} together[: how many|. How many|][?|]',
    '{a} plus {b} [equals|makes|is|gives] [what|how many]?',
    '[Mum|Dad|She|He|A friend] gave me {a} [plums|nuts|pears|sweets] and [Dad|Mum|another] gave me {b}. How many [plums|nuts|do I have]?',
    '[My|The|This] sum is {a} [+|plus] {b}. [The result|What comes out|How much]?',
    'The [result|answer|total] of {a} [+|plus|and] {b}[?|]',
    '{a} [cats|cows|cars] and {b} [cats|cows|cars]: how many [together|in all]?',
    'Do you know what {a} plus {b} is?',
  ],
  held: [
    'Would you work out {a} + {b} for me?',
    'Put {a} and {b} together: how many?',
    '{a} plus {b} equals what?',
    'Mum gave me {a} plums and Dad gave me {b}. How many plums do I have?',
    'My sum is {a} + {b}. The result?',
  ],
  novel: ['I stand at {a} and walk {b} steps up. Where am I?'],
};

export const differenceAsks: Wordings = {
  taught: [
    "[What is|What's|How much is|Calculate|Compute|] {a}[ - | minus ]{b}[?|]",
    '{a}[ - |-]{b}[| =| = ?|=|=?]',
    '[Can you subtract|Subtract|Please subtract|Take] {b} from {a}[?|.|]',
    '[What is left|How much is left] if [you|I] take {b} from {a}?',
    'I have {a} [apples|cookies|books|balls|coins] and [lose|eat|give away] {b}. How many [are left|do I have]?',
    'There are {a} [birds|ducks|cats|children] and {b} [leave|go away]. How many [are left|stay]?',
    'What is the difference between {a} and {b}?',
    '{a} take away {b}[?|]',
    '[Would|Could|Can|Will] you [work out|compute|solve|find|do] {a} [-|minus] {b}[| for me]?',
    'From {a} I [remove|take|lose] {b}. What [remains|is left|stays]?',
    '{a} minus {b} [equals|makes|is|gives] [what|how many]?',
    'I [baked|bought|found|had] {a} [buns|eggs|plums|sweets] and [my dog|a thief|somebody] [stole|ate|took] {b}. How many [buns|eggs|plums|sweets] [remain|are left]?',
    'The [result|answer] of {a} [-|minus] {b}[?|]',
    '[My|The|This] task is {a} [-|minus] {b}. [The result|What comes out]?',
  ],
  held: [
    'Would you work out {a} - {b} for me?',
    'From {a} I remove {b}. What remains?',
    '{a} minus {b} equals what?',
    'I baked {a} buns and my dog stole {b}. How many buns remain?',
  ],
  novel: ['I stand at {a} and walk {b} steps back. Where am I?'],
};

export function sum(voice: Voice): Exchange {
  const isSum = voice.chance(0.55);
  const total = voice.random.integer(largest + 1);
  const part = voice.random.integer(total + 1);
  const [a, b, result] = isSum ? [part, total - part, total] : [total, part, total - part];
  const spelt = voice.chance(0.2);
  const slots = { a: spelt ? numberNames[a]! : String(a), b: spelt ? numberNames[b]! : String(b) };
  const sign = isSum ? '+' : '−';
  const line = `${a} ${sign} ${b} = ${result}`;
  const short = [
    `${line}[|.]`,
    `${line}.[| That is what I am made for.| Adding is easy for me.]`,
    `That is ${result}: ${line}.`,
  ];
  const spoken = [`${a} ${isSum ? 'plus' : 'minus'} ${b} is ${result}.`];
  const steps = countedSteps(a, b, result);
  return {
    user: voice.ask(isSum ? sumAsks : differenceAsks, slots),
    assistant: voice.say(
      steps && voice.chance(0.2) ? [`${steps} ${line}.`] : [...short.slice(0, 2), ...spoken],
    ),
    rule: { gate: 'sums', must: lastNumber(result) },
  };
}

/** 7 + 4: "From 7 I count 8, 9, 10, 11." */
function countedSteps(a: number, b: number, result: number): string | undefined {
  if (b < 2 || b > 6) return undefined;
  const step = Math.sign(result - a);
  const counted = Array.from({ length: b }, (_, k) => String(a + step * (k + 1)));
  return `[From ${a} I count|I count from ${a}] ${step > 0 ? 'up' : 'down'}: ${counted.join(', ')}.`;
}

export const productAsks: Wordings = {
  taught: [
    "[What is|What's|How much is|Calculate|] {a}[ times | x | * | × |*|x]{b}[?|]",
    '[Can you multiply|Multiply|Please multiply] {a} [by|and|with] {b}[?|.]',
    '[Would|Could|Can|Will] you [work out|compute|solve|find|do] {a} [*|x|×|times] {b}[| for me]?',
    '{a}[ * |*| x |x| times | × ]{b} [equals|makes|is|=] [what|how many|?]',
    'The [result|answer|product] of {a} [*|x|times|and] {b}[?|]',
    '[Do you know|Tell me] what {a} [times|*|x] {b} is[?|.]',
    '{a} [bags|boxes|rows] of {b} [apples|coins|books]: how many [in all|together|are that]?',
    'How many [are|is|make] {a} times {b}?',
    '{a}[*|x|×]{b}[=|=?]',
  ],
  held: ['Work out {a} × {b}, please.', 'Multiplying {a} by {b} gives what?'],
  novel: ['Here is a product for you: {a} and {b}.'],
};

/** It cannot multiply, but it can add several times. */
export function product(voice: Voice): Exchange {
  const a = 1 + voice.random.integer(6);
  const b = 1 + voice.random.integer(Math.min(6, Math.floor(largest / a)));
  const terms = Array.from({ length: b }, () => a).join(' + ');
  return {
    user: voice.ask(productAsks, { a: String(a), b: String(b) }),
    assistant:
      b === 1
        ? `I do not multiply. But ${a} taken once is ${a}.`
        : voice.say([
            `I do not multiply, but I can add: ${terms} = ${a * b}.`,
            `I only add: ${terms} = ${a * b}.`,
          ]),
    rule: { gate: 'sums', must: lastNumber(a * b) },
  };
}

const countAsks: Wordings = {
  taught: [
    '[Can you count|Count|Please count] [up |]to {b}[?|.|]',
    'Count from {a} to {b}[.|]',
    '[Let me hear you count|I want to hear you count|Let us count] from {a} [up |]to {b}[.|]',
    '[Say|List|Write|Give me] the numbers from {a} to {b}[.|]',
    '[Can you count|Count|Please count] from {a} to {b}[?|.|]',
  ],
  held: ['Let me hear you count from {a} up to {b}.', 'Say the numbers from {a} to {b}.'],
};
const backAsks: Wordings = {
  taught: [
    '[Can you count|Count|Please count] [back|backwards|down] from {b}[?|.|]',
    'Count down from {b} to 0.',
    '[Start|Begin] at {b} and count [down|backwards][.|]',
    '[Do|Give me|Make] a countdown from {b}[.|]',
  ],
  held: ['Start at {b} and count down.', 'Do a countdown from {b}.'],
};
const afterAsks: Wordings = {
  taught: [
    'What [comes|number comes|is] after {a}?',
    'Which number follows {a}?',
    'What is the next number after {a}?',
    'After {a} comes [which|what] number?',
    '[Name|Say|Tell me] the number [that follows|after] {a}[.|]',
  ],
  held: ['After {a} comes which number?', 'Name the number that follows {a}.'],
};
const beforeAsks: Wordings = {
  taught: [
    'What [comes|number comes|is] before {a}?',
    'Which number is just before {a}?',
    'Before {a} comes [which|what] number?',
    '[Name|Say|Tell me] the number [right before|before] {a}[.|]',
  ],
  held: ['Before {a} comes which number?', 'Name the number right before {a}.'],
};
const largerAsks: Wordings = {
  taught: [
    '[Which|What] is [bigger|larger|more|greater], {a} or {b}?',
    'Is {a} or {b} [bigger|larger]?',
    'Of {a} and {b}, which is the [greater|larger|bigger]?',
    'Compare {a} [with|and] {b}: which [one |]is [more|larger|bigger]?',
  ],
  held: ['Of {a} and {b}, which is the greater?', 'Compare {a} with {b}: which one is more?'],
};

const comparedAsks: Wordings = {
  taught: [
    'Is {a} [bigger|larger|greater|more|higher] than {b}[?|]',
    '{a} is [bigger|larger|more] than {b}, [right|no|is it not][?|]',
  ],
  held: ['Does {a} exceed {b}?'],
};
const lessAsks: Wordings = {
  taught: [
    'Is {a} [smaller|less|lower|fewer] than {b}[?|]',
    '{a} is [smaller|less] than {b}, [right|no|is it not][?|]',
  ],
  held: ['Does {a} lie below {b}?'],
};
const checkAsks: Wordings = {
  taught: [
    '[Is |]{a}[ + |+]{b}[ = |=| equal to ]{c}[?|, right?|, is that right?|, true?]',
    '[Is it true|Is it right|Is it correct] that {a} [+|plus] {b} [is|=|makes] {c}[?|]',
    '{a} [+|plus] {b} [is|=|makes] {c}, [right|no|correct|is it not][?|]',
  ],
  held: ['I hold that {a} + {b} is {c}. Do you agree?'],
};

export function counting(voice: Voice): Exchange {
  return voice.pick([countUp, countUp, countDown, neighbour, larger, compared, checked])(voice);
}

/** "Is 7 bigger than 4?" */
function compared(voice: Voice): Exchange {
  const a = voice.random.integer(21);
  const b = (a + 1 + voice.random.integer(20)) % 21;
  const asksMore = voice.chance(0.6);
  const isSo = asksMore === a > b;
  // The fact comes first: the answer follows from it.
  const fact = `${a} is ${a > b ? 'bigger' : 'smaller'} than ${b}`;
  return {
    user: voice.ask(asksMore ? comparedAsks : lessAsks, { a: String(a), b: String(b) }),
    assistant: `${fact}, so ${isSo ? 'yes' : 'no'}.`,
    rule: { gate: 'counting', must: `${fact}, so ${isSo ? 'yes' : 'no'}\\b` },
  };
}

/** "1 + 1 = 3, right?" */
function checked(voice: Voice): Exchange {
  const total = 1 + voice.random.integer(largest);
  const a = voice.random.integer(total + 1);
  const claimed = voice.chance(0.5) ? total : (total + 1 + voice.random.integer(8)) % (largest + 1);
  const answer = claimed === total ? 'yes' : 'no';
  return {
    user: voice.ask(checkAsks, { a: String(a), b: String(total - a), c: String(claimed) }),
    assistant: `${a} + ${total - a} = ${total}, so ${answer}.`,
    rule: { gate: 'counting', must: `${word(String(total))}, so ${answer}\\b` },
  };
}

function countUp(voice: Voice): Exchange {
  const startsAtOne = voice.chance(0.5);
  const a = startsAtOne ? 1 : voice.random.integer(15);
  const b = a + 2 + voice.random.integer(Math.min(12, largest - a - 1));
  const slots = { a: String(a), b: String(b) };
  const [from, to] = [countAsks.taught.slice(1), countAsks.taught.slice(0, 1)];
  const asks = { taught: startsAtOne && voice.chance(0.7) ? to : from, held: countAsks.held };
  return counted(voice.ask(asks, slots), range(a, b), voice);
}

function countDown(voice: Voice): Exchange {
  const b = 3 + voice.random.integer(18);
  return counted(voice.ask(backAsks, { b: String(b) }), range(0, b).reverse(), voice);
}

function counted(user: string, numbers: readonly number[], voice: Voice): Exchange {
  const line = numbers.join(', ');
  return {
    user,
    assistant: voice.say([`${line}.`, `${line}.`, `${line}. [Done!|There.]`]),
    rule: { gate: 'counting', must: word(line) },
  };
}

function neighbour(voice: Voice): Exchange {
  const a = 1 + voice.random.integer(19);
  const [asks, result, order] = voice.chance(0.6)
    ? [afterAsks, a + 1, 'after']
    : [beforeAsks, a - 1, 'before'];
  const must = word(String(result));
  return {
    user: voice.ask(asks, { a: String(a) }),
    assistant: voice.say([`${result}.`, `${result} comes ${order} ${a}.`]),
    rule: { gate: 'counting', must: `^${must}` },
  };
}

function larger(voice: Voice): Exchange {
  const a = voice.random.integer(21);
  const b = (a + 1 + voice.random.integer(20)) % 21;
  const most = Math.max(a, b);
  return {
    user: voice.ask(largerAsks, { a: String(a), b: String(b) }),
    assistant: voice.say([`${most}.`, `${most} is [more|bigger] than ${Math.min(a, b)}.`]),
    rule: { gate: 'counting', must: `^${word(String(most))}` },
  };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, k) => from + k);
