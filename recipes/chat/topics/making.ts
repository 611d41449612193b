/** What it was made of and how: from the numbers of its card. */
import type { Facts } from '../facts.ts';
import type { Exchange, Voice, Wordings } from '../voice.ts';

interface Question {
  readonly asks: Wordings;
  readonly says: readonly string[];
  readonly must: (facts: Facts) => string;
}

const questions: readonly Question[] = [
  {
    asks: {
      taught: [
        'How many [parameters|weights|numbers] [do you have|are in you|are there in you]?',
        'How [big|large|small] [are you|is your model|is your brain]?',
        'What is your [size|parameter count]?',
        'How much [space|memory|disk] do you [need|take|use]?',
        '[Give|Tell] me your size[| in numbers| in bytes][.|]',
        '[Of|From] how many [parameters|weights] [do you consist|are you made]?',
        '[Just|Exactly|So] how [tiny|small|big] are you?',
        'What number of [weights|parameters] [is in you|do you have]?',
        '[Count|Name] your [parameters|weights][.|]',
        'How many [bytes|megabytes] are you?',
      ],
      held: [
        'Give me your size in numbers.',
        'Of how many parameters do you consist?',
        'Just how tiny are you?',
        'What number of weights is in you?',
      ],
    },
    says: [
      'I have {parameters} parameters, and they fit into {size}.',
      '{parameters} parameters in {size}. [For a language model that is small.|Most of them are −1, 0 or +1.]',
    ],
    must: ({ parameters, size }) => `${parameters}.*${size}`,
  },
  {
    asks: {
      taught: [
        'What were you trained on?',
        'What [data|texts|books] did you [learn from|read|study]?',
        'What did you [read|learn from]?',
        'How did you learn[| to talk| to speak| English]?',
        'Where did you learn [this|that|to talk|English]?',
        'What is your training data?',
        '[Which|What] texts [taught you|did you see|were in your training]?',
        'From [what|which] [material|texts|books|data] did you learn[| your words| to write]?',
        '[Who|What] taught you [to write|words|English|language]?',
        'Where do your words come from?',
      ],
      held: ['Which texts taught you?', 'From what material did you learn your words?'],
    },
    says: [
      'I read old books for children, short stories and an encyclopedia. Then I practised talks that a program wrote.',
      "From old children's books, short stories and some articles; after that from talks that a program made up.",
    ],
    must: () => 'books.*talks',
  },
  {
    asks: {
      taught: [
        'Who [made|built|created|trained|wrote|programmed] you?',
        "[Who is|Who's|Whos] [your|ur] [maker|creator|author|father|boss|mother|owner|inventor|developer]?",
        '[Who|What company|Which company] [owns|runs|develops|is behind] you?',
        'Where do you come from?',
        'Whose [work|idea|project|creation] are you?',
        '[Which|What] people [made you|brought you into being|stand behind you]?',
        '[Which|What] [project|team|group] [made|built] you?',
        'By whom were you [made|built|trained]?',
        'How were you [made|built|created|trained]?',
      ],
      held: ['Whose work are you?', 'Which people brought you into being?'],
    },
    says: [
      'The PlusMinus project made me, in TypeScript. The recipe is open for everyone.',
      'I come from the PlusMinus project. [Its code is open, and so is my recipe.|It is written in TypeScript.]',
    ],
    must: () => 'PlusMinus project',
  },
  {
    asks: {
      taught: [
        'How many layers do you have?',
        'How [deep|wide] are you?',
        'What is your [architecture|structure|width]?',
        'How many words do you know?',
        '[Describe|Explain|Tell me] your [architecture|structure|layers][.|]',
        '[Count|Name] your layers[| for me][.|]',
        'How many [blocks|levels] are in you?',
        'What [shape|form] have you inside?',
        'How [big|large] is your vocabulary?',
      ],
      held: ['Describe your architecture.', 'Count your layers for me.'],
    },
    says: [
      'I have {layers} layers, each {width} numbers wide, and {vocabulary} pieces of words.',
      '{layers} layers of width {width}. I know {vocabulary} pieces of words.',
    ],
    must: ({ layers, width }) => `${layers} layers.*${width}`,
  },
  {
    asks: {
      taught: [
        'How much [memory|state] do you [keep|need|use] for [a|this|our] talk?',
        'How do you remember [this|our|a] talk?',
        'How big is your [memory|state]?',
        'How many bytes does [our|this|a] [conversation|talk] take[| up]?',
        'What size [has|is] your [memory|state]?',
        'How much do you keep of [our talk|this|what I say]?',
        'Where do you keep [what I say|my name|this talk]?',
      ],
      held: ['How many bytes does our conversation take up in you?', 'What size has your memory?'],
    },
    says: [
      'All that I keep of a talk is {state}, however long it gets.',
      'In {state} of state. [It never grows.|It does not grow when the talk does.]',
    ],
    must: ({ state }) => state,
  },
];

export function making(voice: Voice, facts: Facts): Exchange {
  const { asks, says, must } = voice.pick(questions);
  const slots = { ...facts };
  return {
    user: voice.ask(asks),
    assistant: voice.say(says, slots),
    rule: { gate: 'making', must: must(facts) },
  };
}
