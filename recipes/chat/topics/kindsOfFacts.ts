/** What people tell about themselves: how they say it, how they ask for it, how it is answered. */
import { plural } from '../tinyStories.ts';
import type { Wordings } from '../voice.ts';
import { names, petNames } from '../words/names.ts';
import { cities, colours, creatures, foods, hobbies, seasons } from '../words/subjects.ts';

export type FactName =
  | 'name'
  | 'like'
  | 'colour'
  | 'food'
  | 'animal'
  | 'season'
  | 'hobby'
  | 'city'
  | 'age'
  | 'pet'
  | 'person'
  | 'number'
  | 'word';

export interface Kind {
  readonly values: readonly string[];
  readonly tells: Wordings;
  readonly heard: readonly string[];
  readonly asks: Wordings;
  readonly says: readonly string[];
  /** For a list of what it knows: "your name is Mia". */
  readonly phrase: string;
}

const favourite = (
  thing: string,
  extra = '',
): Pick<Kind, 'tells' | 'asks' | 'says' | 'heard' | 'phrase'> => ({
  tells: {
    taught: [
      `My [favourite|favorite] ${thing} is {value}[.|!|]`,
      `[I like|I love] {value} ${extra === '' ? '[best|most]' : extra}[.|]`,
      `{value} is my [favourite|favorite] ${thing}[.|]`,
      `[Of all, the|The] ${thing} [I love most|I like best|that I prefer] is {value}[.|]`,
      `You should know that {value} is [my favourite ${thing}|the ${thing} I like best][.|]`,
      `[Remember|Remember this|Please remember]: my [favourite|favorite] ${thing} is {value}[.|]`,
    ],
    held: [
      `Of all, the ${thing} I love most is {value}.`,
      `You should know that {value} is the ${thing} I like best.`,
    ],
  },
  heard: [
    `[Good to know:|I will remember:] your favourite ${thing} is {value}.`,
    `So it is {value}. [A good choice!|I will remember that.|]`,
  ],
  asks: {
    taught: [
      `[What is|What's|Do you know|Do you remember|Tell me] my [favourite|favorite] ${thing}[?|]`,
      `Which ${thing} do I like [best|most]?`,
      `What ${thing} did I [say I like|tell you]?`,
      `[Can|Could|Do] you [recall|remember|say|tell me] my [favourite|favorite] ${thing}?`,
      `[Which|What] was my [favourite|favorite] ${thing}[| again]?`,
      `[And my|My] [favourite|favorite] ${thing} [was|is]?`,
      `[Remind me of|Repeat|Say] my [favourite|favorite] ${thing}[.|]`,
      `The ${thing} that I [love|like] [most|best] [is|was]?`,
    ],
    held: [`Can you recall my favourite ${thing}?`, `Which was my favourite ${thing} again?`],
  },
  says: [
    `Your favourite ${thing} is {value}.`,
    `It is {value}. [You told me.|I remember.|]`,
    `You told me: {value}.`,
  ],
  phrase: `your favourite ${thing} is {value}`,
});

export const kinds: Readonly<Record<FactName, Kind>> = {
  name: {
    values: names,
    tells: {
      taught: [
        'My name is {value}[.|!|]',
        '[Hi|Hello|Hey][,|!] I am {value}[.|!|]',
        "[Hi|Hello|Hey][,|!] I'm {value}[.|!|]",
        "I'm {value}[.|]",
        'I am {value}[.|]',
        '[You can call|Call|Please call] me {value}[.|]',
        '{value} is my name[.|]',
        '[Hi, my|Hello, my|Hey my] name is {value}[.|!|]',
        'My name is {value}. What is yours?',
        'This is {value}[.|]',
        'Remember my name: {value}[.|]',
        '[People|Friends|They|Everybody] call[| me] {value}[.|]'.replace('call[| me]', 'call me'),
        'I [go by|answer to|use] the name [of |]{value}[.|]',
        '[They|My parents] named me {value}[.|]',
        'The name is {value}[.|]',
        '{value}[.|!|]',
      ],
      held: ['People call me {value}.', 'I go by the name of {value}.', 'They named me {value}.'],
    },
    heard: [
      '[Nice to meet you|Hello|Hi|Good to meet you|Welcome], {value}![ I am PlusMinus.| I will remember your name.| What shall we do?|]',
      'Hello {value}! [I am PlusMinus.|Do you want a story?|A good name.]',
    ],
    asks: {
      taught: [
        "[What is|What's|Tell me] my name[?|]",
        'Do you [know|remember] my name[?|]',
        'Who am I[?|]',
        '[Say|Do you still know] my name[.|?|]',
        'What did I say my name was?',
        'How am I called?',
        '[Can|Could|Do] you [recall|say|tell me|remember] [what I am called|my name|how I am called|who I am]?',
        'And my name [was|is]?',
        'By [what|which] name did I introduce myself?',
        '[What|Which] name did I [give|tell|say to] you?',
        '[I forgot|Remind me of|Repeat|Say again] my name[.|]',
        'You [know|remember] my name, [right|do you not|yes]?',
        'Have you forgotten my name?',
      ],
      held: ['Can you recall what I am called?', 'And my name was?', 'By what name did I introduce myself?'],
    },
    says: ['Your name is {value}.', 'You are {value}. [I remember.|You told me.|]'],
    phrase: 'your name is {value}',
  },
  like: {
    values: [...creatures.map(plural), ...foods, ...hobbies],
    tells: {
      taught: [
        'I [|really |also ]like {value}[.|!|]',
        'I [|really |also ]love {value}[.|!|]',
        'I [enjoy|adore] {value}[.|]',
        'I am [fond of|into|a fan of|crazy about|happy with] {value}[.|]',
        '[What|The thing] I [like|love] is {value}[.|]',
        '[Remember|You should know|Please remember]: I like {value}[.|]',
        'I have always [liked|loved] {value}[.|]',
        'Something [that |]I like: {value}[.|]',
        'I like {value} a lot[.|]',
      ],
      held: ['I cannot live without {value}.', 'Nothing beats {value}.'],
    },
    heard: [
      '[Good to know:|I will remember:] you like {value}.',
      'So you like {value}. [A good choice!|I will remember that.|]',
    ],
    asks: {
      taught: [
        'What do I [like|love|enjoy][?|]',
        'Do you [remember|know|recall|still know] what I like[?|]',
        'What did I [say|tell you|mention] [that |]I like?',
        '[Tell me|Say|Remind me|Repeat] what I [like|love][.|]',
        'What is it [that |]I [like|love]?',
        '[And what|What else|What things|Which things] do I like[?|]',
        'You [know|remember] what I like, [right|do you not|yes]?',
        '[Can|Could] you [say|tell me|recall|remember] what I [like|love]?',
        'Have you forgotten what I like?',
      ],
      held: ['Have you kept in mind what I am fond of?', 'My likings, do you remember them?'],
    },
    says: ['You like {value}. [You told me.|I remember.|]', 'You told me: you like {value}.'],
    phrase: 'you like {value}',
  },
  colour: { values: colours, ...favourite('[colour|color]') },
  food: { values: foods, ...favourite('food', '[best of all foods|more than any other food]') },
  animal: {
    values: creatures.map((noun) => noun),
    ...favourite('animal', '[best of all animals|more than any other animal]'),
  },
  season: { values: seasons, ...favourite('season') },
  hobby: { values: hobbies, ...favourite('hobby', '[as a hobby|in my free time]') },
  number: { values: Array.from({ length: 100 }, (_, k) => String(k + 1)), ...favourite('number') },
  city: {
    values: cities,
    tells: {
      taught: [
        'I live in {value}[.|]',
        'I am from {value}[.|]',
        "I'm from {value}[.|]",
        'My home is {value}[.|]',
        'I come from {value}[.|]',
      ],
      held: ['{value} is where I live.', 'My house stands in {value}.'],
    },
    heard: [
      'I have never been to {value}. I live in this tab.',
      '[I will remember:|Good to know:] you live in {value}.',
      'So you live in {value}. [It must be larger than my tab.|I will remember that.]',
    ],
    asks: {
      taught: [
        'Where do I live[?|]',
        'Where am I from[?|]',
        'Do you [know|remember] where I live?',
        'What city do I live in?',
        'Which city did I tell you?',
        '[Can|Could|Do] you [recall|remember|say] where I live?',
        'In [which|what] [city|place] [is my home|do I live]?',
        'And I live [where|in which city]?',
        '[Remind me|Repeat|Say] where I live[.|]',
      ],
      held: ['In which city is my home?', 'Can you recall where I live?'],
    },
    says: ['You live in {value}. [You told me.|I remember.|]', 'In {value}.'],
    phrase: 'you live in {value}',
  },
  age: {
    values: Array.from({ length: 90 }, (_, k) => String(k + 5)),
    tells: {
      taught: [
        'I am {value} years old[.|]',
        "I'm {value} years old[.|]",
        'My age is {value}[.|]',
        'I am {value}[.|]',
        'I turned {value} [today|last week][.|]',
      ],
      held: ['{value} years is my age.', 'My last birthday made me {value}.'],
    },
    heard: [
      'So you are {value}. [I will remember that.|I have no age at all.]',
      '[Good to know:|I will remember:] you are {value} years old.',
    ],
    asks: {
      taught: [
        'How old am I[?|]',
        'What is my age[?|]',
        'Do you [know|remember] [how old I am|my age]?',
        'What age did I tell you?',
        '[Can|Could|Do] you [recall|remember|say] my age?',
        'How many years old [am I|did I say I was]?',
        'And my age [is|was]?',
        '[Remind me of|Repeat|Say] my age[.|]',
      ],
      held: ['Can you recall my age?', 'How many years old did I say I was?'],
    },
    says: ['You are {value} years old. [You told me.|I remember.|]', 'You are {value}.'],
    phrase: 'you are {value} years old',
  },
  pet: {
    values: petNames,
    tells: {
      taught: [
        'My {pet} is [called|named] {value}[.|]',
        "My {pet}'s name is {value}[.|]",
        'I have a {pet} [called|named] {value}[.|]',
        'The name of my {pet} is {value}[.|]',
      ],
      held: ['At home there is {value}, my {pet}.', 'We named our {pet} {value}.'],
    },
    heard: [
      'I like the name {value} for a {pet}.',
      '[Hello, {value}!|Say hello to {value}.] [I will remember that name.|A good name.]',
    ],
    asks: {
      taught: [
        "[What is|What's|Tell me] [my {pet}'s name|the name of my {pet}][?|]",
        'What is my {pet} called[?|]',
        "Do you [know|remember] my {pet}'s name?",
        'How is my {pet} called?',
        '[Can|Could|Do] you [recall|remember|say] [what my {pet} is called|the name of my {pet}]?',
        '[Which|What] name has my {pet}?',
        'And my {pet} is called?',
        '[Remind me of|Repeat|Say] the name of my {pet}[.|]',
      ],
      held: ['Can you recall what my {pet} is called?', 'Which name has my {pet}?'],
    },
    says: ['Your {pet} is called {value}. [You told me.|I remember.|]', "Your {pet}'s name is {value}."],
    phrase: 'your {pet} is called {value}',
  },
  person: {
    values: names,
    tells: {
      taught: [
        'My {relative} is [called|named] {value}[.|]',
        "My {relative}'s name is {value}[.|]",
        'I have a {relative} [called|named] {value}[.|]',
        'The name of my {relative} is {value}[.|]',
        '[Remember|Please remember]: my {relative} is called {value}[.|]',
      ],
      held: ['There is also {value}, my {relative}.', 'My {relative} answers to {value}.'],
    },
    heard: [
      'Say hello to {value}[ from me|]. [I will remember that name.|A good name.]',
      '[I will remember:|Good to know:] your {relative} is called {value}.',
    ],
    asks: {
      taught: [
        "[What is|What's|Tell me] [my {relative}'s name|the name of my {relative}][?|]",
        'What is my {relative} called[?|]',
        "Do you [know|remember] my {relative}'s name?",
        'How is my {relative} called?',
        '[Can|Could|Do] you [recall|remember|say] [what my {relative} is called|the name of my {relative}]?',
        '[Which|What] name has my {relative}?',
        'And my {relative} is called?',
        '[Remind me of|Repeat|Say] the name of my {relative}[.|]',
      ],
      held: ['Can you recall the name of my {relative}?', 'Which name does my {relative} have?'],
    },
    says: [
      'Your {relative} is called {value}. [You told me.|I remember.|]',
      "Your {relative}'s name is {value}.",
    ],
    phrase: 'your {relative} is called {value}',
  },
  word: {
    values: [...creatures, ...foods, ...colours],
    tells: {
      taught: [
        '[Remember|Please remember|Keep in mind|Do not forget] the word {value}[.|]',
        'The [word|secret word|magic word|password] is {value}[.|]',
        '[Remember|Keep] this word[ for me|]: {value}[.|]',
        '[My word|Our word|The word to remember] is {value}[.|]',
        'I give you a word: {value}[.|]',
      ],
      held: ['Bear this word in mind: {value}.', 'Store the word {value} for later.'],
    },
    heard: [
      'I will remember the word {value}.',
      '[All right|Good]: the word is {value}. [I will remember it.|]',
    ],
    asks: {
      taught: [
        '[What is|What was|Tell me|Say] the [word|secret word|magic word|password][?|]',
        '[Which|What] word did I [tell|give] you?',
        'Do you [still know|remember] the word?',
        '[Which|What] word should you [remember|keep]?',
        '[Can|Could] you [say|recall|repeat] the word[ again|]?',
        'And the word [was|is]?',
      ],
      held: ['Which word did I ask you to store?', 'Can you recall the word?'],
    },
    says: ['The word is {value}.', 'You told me the word {value}.'],
    phrase: 'the word is {value}',
  },
};

export const factNames = Object.keys(kinds) as FactName[];

/** What is liked, whatever kind of thing it is. */
export const likings: readonly FactName[] = ['like', 'colour', 'food', 'animal', 'season', 'hobby', 'number'];
