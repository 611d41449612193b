/** Word games: opposites, rhymes, first letters, the odd one out. */
import { listed } from '../grammar.ts';
import { type Exchange, shuffled, type Voice, type Wordings, word } from '../voice.ts';
import { kinds, opposites, rhymes } from '../words/wordGames.ts';

const oppositeAsks: Wordings = {
  taught: [
    '[What is|What\'s|Tell me|Do you know] the opposite of "{word}"[?|]',
    "[What is|What's|Tell me] the opposite of {word}[?|]",
    'Opposite of {word}[?|]',
    'What is the reverse of {word}?',
    '[Which|What] word is the [contrary|opposite|reverse] of {word}?',
    '[Name|Say|Find|Give me] the opposite [word for|of|to] {word}[.|]',
    '{word}: [and its opposite|the opposite|what is the opposite][?|]',
    '[Turn|Flip] {word} around[.|]',
    '[Opposites|Opposite game]: {word}[.|]',
    'If it is not {word}, [it is|what is it|then what][?|]',
    '{word} [and|has|with] [its|the] [opposite|contrary|reverse][?|]',
    '[What is|Say|Give me] the contrary [of|to] {word}[?|.|]',
    'The opposite [of|to|for] {word} [is|would be][?|]',
    '{word} is the opposite of [what|which word]?',
    'Not {word} but [what|the opposite][?|]',
  ],
  held: [
    'Which word is the contrary of {word}?',
    'Name the opposite word for {word}.',
    '{word}: and its opposite?',
  ],
  novel: ['{word}, please, the other way round.'],
};

function opposite(voice: Voice, asks = oppositeAsks): Exchange {
  const pair = voice.pick(opposites);
  const [asked, answer] = voice.chance(0.5) ? pair : [pair[1], pair[0]];
  const all = opposites.flatMap(([a, b]) => (a === asked ? [b] : b === asked ? [a] : []));
  return {
    user: voice.ask(asks, { word: asked }),
    assistant: voice.say(
      [`The opposite of {asked} is {answer}.`, '{answer}[.|!]', '{answer} is the opposite of {asked}.'],
      { asked, answer },
    ),
    rule: { gate: 'games', must: `(${all.map(word).join('|')})` },
  };
}

const rhymeAsks: Wordings = {
  taught: [
    'What rhymes with "{word}"?',
    'What rhymes with {word}[?|]',
    '[Find|Tell me|Give me|Do you know] a [rhyme|word that rhymes] [with|for|on] {word}[.|?|]'.replace(
      '[with|for|on]',
      'with',
    ),
    'Rhyme[ with|:] {word}[.|]',
    'Which word sounds like {word}?',
    '[Can|Could] you rhyme [something|a word] with {word}?',
    'I need a [word|rhyme] for {word}[.|]',
    'I need a word [to rhyme|that rhymes] with {word}[.|]',
    'For a poem: what [fits|rhymes] with {word}?',
    '{word} rhymes with [what|which word][?|]',
    '[I am writing|I write] a [poem|song|verse]: what [rhymes|ends like|sounds like] {word}?',
    '[For my|In my|For a|In a] [song|verse|poem] I need [a rhyme|a word|something] [for|with|like] {word}[.|]',
    'What [goes|sounds good|ends the same] with {word}[ in a song| in a verse|]?',
    '[Which|What] word [fits|goes|pairs] with {word} in a [song|rhyme|verse]?',
    '{word} and [what|which word] [rhyme|make a rhyme|sound alike]?',
  ],
  held: [
    'Can you rhyme something with {word}?',
    'I need a word to rhyme with {word}.',
    'For a poem: what goes with {word}?',
  ],
  novel: ['My line ends in {word}. How might the next one end?'],
};

export function rhyme(voice: Voice, asks = rhymeAsks): Exchange {
  const group = voice.pick(rhymes);
  const asked = voice.pick(group);
  const answer = voice.pick(group.filter((other) => other !== asked));
  const all = rhymes
    .filter((words) => words.includes(asked))
    .flat()
    .filter((other) => other !== asked);
  return {
    user: voice.ask(asks, { word: asked }),
    assistant: voice.say(['{answer} rhymes with {asked}.', 'How about {answer}?', 'Try {answer}.'], {
      asked,
      answer,
    }),
    rule: { gate: 'games', must: `(${all.map(word).join('|')})` },
  };
}

const letterAsks: Wordings = {
  taught: [
    '[What is|What\'s] the first letter of "{word}"?',
    "[What is|What's|Tell me] the first letter of {word}[?|]",
    '[What|Which] letter does {word} [start|begin] with?',
    'First letter of {word}[?|]',
    'With [which|what] letter does {word} [begin|start]?',
    '{word} [starts|begins] with [what|which] letter?',
  ],
  held: ['With which letter does {word} begin?', '{word} starts with what letter?'],
};

function firstLetter(voice: Voice): Exchange {
  const asked = voice.pick(voice.chance(0.5) ? voice.pick(kinds).members : voice.pick(rhymes));
  const letter = asked[0]!.toUpperCase();
  return {
    user: voice.ask(letterAsks, { word: asked }),
    assistant: voice.say(['{asked} starts with {letter}.', '[The letter |]{letter}.'], { asked, letter }),
    rule: { gate: 'games', must: `(${word(letter)}[.!]?\\s*$|with "?${letter}\\b|letter "?${letter}\\b)` },
  };
}

const oddAsks: Wordings = {
  taught: [
    '[Which|What] is the odd one out[:|?] {list}[?|]',
    'Odd one out: {list}[.|]',
    '[Which|What] [one |word |]does not belong[:|?] {list}[?|]',
    '[Find|Pick] the odd one out: {list}[.|]',
    '{list}: which [of these |]is [different|the odd one]?',
    'One of these does not [fit|belong]: {list}. [Which|Which one]?',
  ],
  held: ['{list}: which of these is different?', 'One of these does not fit: {list}. Which?'],
};

function oddOneOut(voice: Voice): Exchange {
  const kind = voice.pick(kinds);
  const stranger = voice.pick(
    voice.pick(kinds.filter((other) => other !== kind && fits(other.plural, kind.plural))).members,
  );
  const members = shuffled(
    kind.members.filter((word) => word !== stranger),
    voice,
  ).slice(0, 2 + voice.random.integer(2));
  const list = shuffled([...members, stranger], voice);
  return {
    user: voice.ask(oddAsks, { list: voice.chance(0.8) ? list.join(', ') : listed(list) }),
    // The kind comes first: whoever has named it knows which word is left.
    assistant: voice.say(['All are {plural}, but not {stranger}.', 'They are {plural}, except {stranger}.'], {
      stranger,
      plural: kind.plural,
    }),
    rule: { gate: 'games', must: word(stranger), never: `(${members.map(word).join('|')})` },
  };
}

/** Birds are animals too, and an orange is a colour. */
function fits(a: string, b: string): boolean {
  const close = [
    ['animals', 'birds'],
    ['fruits', 'colours'],
    ['fruits', 'vegetables'],
  ];
  return !close.some((pair) => pair.includes(a) && pair.includes(b));
}

export function game(voice: Voice): Exchange {
  return voice.pick([opposite, opposite, rhyme, rhyme, firstLetter, oddOneOut])(voice);
}

const startAsks: Wordings = {
  taught: [
    "[Let's|Shall we|Can we|I want to] play [a game|a word game|something|with you][.|?|!|]",
    'Do you know [a|any] game[s|]?',
    'Play with me[.|!]',
  ],
  held: ['Fancy a round of a game?', 'Is there a game that we could play?'],
};

/** An invitation, then some rounds: questions, or in half of the games bare words, of which all are for one game. */
export function gameRounds(voice: Voice): Exchange[] {
  const rounds = 1 + voice.random.integer(4);
  const invitation: Exchange = {
    user: voice.ask(startAsks),
    assistant: voice.say([
      '[Gladly!|Yes!|Good idea!] Give me a word, and I say its opposite or a rhyme.',
      '[Yes!|I like games.] I know opposites, rhymes, first letters and the odd one out. [Ask me!|You begin.]',
    ]),
  };
  if (voice.chance(0.4)) return [invitation, ...Array.from({ length: rounds }, () => game(voice))];
  const [name, answer] = voice.pick([
    ['opposites', opposite],
    ['rhymes', rhyme],
  ] as const);
  const begun: Exchange = {
    user: voice.ask(namedAsks, { game: name }),
    assistant: voice.say([
      `[Gladly!|Yes!|Good!] Give me a word, and I ${name === 'rhymes' ? 'find a rhyme' : 'say its opposite'}.`,
    ]),
  };
  const words = Array.from({ length: rounds }, () => answer(voice, bareAsks));
  return voice.chance(0.3) ? [invitation, begun, ...words] : [begun, ...words];
}

const namedAsks: Wordings = {
  taught: [
    "[Let's|Let us|Shall we|Can we|I want to] play {game}[.|?|!|]",
    '{game}[.|!|, please|]',
    '[Play|The game of|Do you know] {game}[.|?|]',
    '[We play|Now] {game}[.|!|]',
  ],
  held: ['How about a round of {game}?'],
};
const bareAsks: Wordings = {
  taught: ['{word}[.|!|?|]', '[And|Now|Next:|Then] {word}[.|?|]'],
  held: ['My word is {word}.'],
};
