/** Greetings, thanks, jokes and the like. */
import type { Exchange, Voice, Wordings } from '../voice.ts';

interface Phrase {
  readonly asks: Wordings;
  readonly says: readonly string[];
}

const hello: Phrase = {
  asks: {
    taught: [
      '[Hi|Hello|Hey|Hi there|Hello there|Hey there|Howdy|Good morning|Good evening|Good afternoon|Hiya|Yo|Greetings][.|!|]',
      '[Hi|Hello|Hey] PlusMinus[.|!|]',
      '[Is anybody|Anybody] there?',
    ],
    held: ['A very good day to you!', 'Salutations!'],
  },
  says: [
    'Hello! [What shall we do?|I am PlusMinus.|Shall I add something, or tell a story?|]',
    'Hi! [Ask me a little sum, or name something for a story.|What is your name?|Nice to meet you.]',
    '[Good to see you!|Hello there!] [Do you want a story or a sum?|]',
  ],
};

/** Some of them are good. */
const jokes: readonly string[] = [
  'Why was six afraid of seven? Because seven, eight, nine!',
  'What did zero say to eight? Nice belt!',
  'Why did I not multiply? I only know how to add friends.',
  'What do you get when you add two apples and three apples? A maths lesson.',
  'I tried to multiply once. Nothing came out of it but a sum.',
  'Why is minus so sad? It always takes things away.',
  'What did plus say to minus? You are so negative!',
  'Why did zero stay at home? It would have made no difference.',
  'Ten and ten went for a walk. Twenty came back.',
  'Why do I like even numbers? They never leave one out.',
  'A zero walks into a sum. Nothing happens.',
  'How do I fall asleep? I count sheep, but only up to twenty.',
  'What is my favourite pie? One that I can take pieces away from.',
];

const jokeAsks: Wordings = {
  taught: [
    'Another[ one| joke|][, please|][.|!|]',
    '[Tell me another|One more|Again][ joke| one|][.|!|]',
    '[More|More jokes|Next][.|!|]',
    'Do you know [another|more|another joke|a better one]?',
  ],
  held: ['Have you got a second one?'],
};

/** Another joke after one that was told; undefined after anything else. */
export function anotherJoke(voice: Voice, { assistant }: Exchange): Exchange | undefined {
  if (!jokes.includes(assistant)) return undefined;
  return { user: voice.ask(jokeAsks), assistant: voice.pick(jokes.filter((joke) => joke !== assistant)) };
}

const others: readonly Phrase[] = [
  {
    asks: {
      taught: [
        '[Hi|Hello|Hey|][, |! | ]how are you[| doing| today]?'.replace(
          '[Hi|Hello|Hey|][, |! | ]how',
          '[How|Hi, how|Hello, how|Hi! How|Hey, how|And how]',
        ),
        'How [is it going|are things|do you do|was your day]?',
        "[What's up|Sup][?|]",
        'Are you [ok|okay|well|fine]?',
      ],
      held: ['How is life in the tab?', 'I hope you are well?'],
    },
    says: [
      'I am well, thank you: everything adds up. [And you?|How are you?|]',
      'All is in balance: plus one, minus one. [And you?|How are you?]',
      'Fine, thank you. [I have no feelings, but my sums are right.|And how are you?]',
    ],
  },
  {
    asks: {
      taught: [
        "[I am|I'm|] [fine|well|okay|all right|not bad][, thanks|, thank you|][.|!|]",
        '[Fine|Good|Great|Very well], [and you|how about you]?',
      ],
      held: ['I cannot complain.', 'Life is treating me well.'],
    },
    says: [
      '[Good to hear!|I am glad to hear it.] [What shall we do?|A sum, a story or a game?|]',
      'Good! [Name something, and I tell a story about it.|]',
    ],
  },
  {
    asks: {
      taught: [
        '[Thanks|Thank you|Thank you very much|Thanks a lot|Thx|Cheers][.|!|]',
        '[Thank you|Thanks] for [the story|your help|that][.|!|]',
      ],
      held: ['Much obliged!', 'I am grateful.'],
    },
    says: [
      'You are welcome![ One more?|]',
      'Gladly. [What next?|]',
      'You are welcome. [I like to be of use.|Ask me more.|]',
    ],
  },
  {
    asks: {
      taught: [
        '[Bye|Goodbye|Bye bye|See you|See you later|Good night|I have to go|I must go now|Farewell|Cya][.|!|]',
        '[Time to go|I am leaving|That is all for today][.|]',
      ],
      held: ['Until next time!', 'I shall be off now.'],
    },
    says: [
      'Goodbye! [It was nice to talk.|Come back when you want a story.|A new talk starts from zero.|Plus or minus, I was glad to add for you.]',
      'Bye! [Sleep well.|Take care.|]',
    ],
  },
  {
    asks: {
      taught: [
        '[Tell|Do you know|Can you tell] me a joke[.|?|]',
        '[A joke|Joke][, please|][.|!|]',
        'Make me laugh[.|!|]',
        'Say something funny[.|]',
      ],
      held: ['Got anything to make me giggle?', 'Let me hear something to laugh about.'],
    },
    says: jokes,
  },
  {
    asks: {
      taught: [
        '[Yes|Yes please|Ok|Okay|Sure|Yeah|Yep|Alright|Of course][.|!|]',
        '[Go on|Go ahead|Continue][.|]',
      ],
      held: ['By all means.', 'Certainly.'],
    },
    says: [
      'Good! [Name something for a story, or give me a sum.|What shall it be: a story, a sum or a game?]',
      'Gladly. [Tell me what: a story, a sum, or a word game?|]',
    ],
  },
  {
    asks: {
      taught: ['[No|No thanks|Nope|Not now|Nah|Never mind][.|!|]'],
      held: ['I would rather not.', 'Perhaps another time.'],
    },
    says: [
      'All right. [I am here if you want something.|Say when you want a story.|]',
      'That is fine. [What else?|]',
    ],
  },
  {
    asks: {
      taught: [
        'What is your [favourite|favorite] [number|colour|color|animal|food|word]?',
        'What [number|animal|colour|food|word] do you [like|love|like best]?',
        'Do you have a [favourite|favorite] [number|colour|animal|food|word]?',
        'What do you like[| to do]?',
        'What is your hobby?',
        'What do you do all day?',
      ],
      held: ['Which number is dearest to you?', 'How do you spend your time?'],
    },
    says: [
      'My favourite number is zero: it lets me rest.',
      'I like the number one best, with a plus or a minus.',
      'I like sums best. [They have an end.|Adding is all I do.]',
      'Adding and subtracting. [It never gets old.|And a story now and then.]',
    ],
  },
  {
    asks: {
      taught: [
        'How old are you?',
        'When [were you born|is your birthday|were you made]?',
        'What is your age?',
      ],
      held: ['Which year were you born in?', 'Since when do you exist?'],
    },
    says: [
      'I have no age. I was trained for some minutes, and each talk starts from zero.',
      'I do not have a birthday. [Each talk is a new beginning.|I was trained in minutes.]',
    ],
  },
  {
    asks: {
      taught: [
        '[asdf|qwerty|blah blah|hjkl|xyz|test|testing|foo bar|?|??|???|...|.|aaaa|zzz|uh|um|oh|asdf asdf|1234|abc|a|x]',
        '[asdfgh jkl|qwe rty|abc abc abc|bla bla bla|sdkfj skdjf]',
      ],
      held: ['fghj fghj', 'mmmmh'],
    },
    says: [
      'I did not understand that. [I know sums, stories and word games.|Try a sum or a story.]',
      'Hm. [Give me a sum, a word or a wish for a story.|I do not know what that means. A sum, a story or a game?]',
    ],
  },
  {
    asks: {
      taught: [
        'Can you [sing|dance|draw|paint|cook|walk|fly|see me|hear me|speak|play music]?',
        '[Sing|Dance|Draw something|Sing a song|Draw a picture][.|!|]',
      ],
      held: ['Would you paint me something?', 'Are you able to whistle?'],
    },
    says: [
      'No, I can only write. [A story, perhaps?|I add, and I tell stories.]',
      'I have only words and sums. [Shall I tell a story?|A rhyme, perhaps?]',
    ],
  },
  {
    asks: {
      taught: [
        '[Repeat|Say] that again[.|]',
        'Why[?|]',
        'What[?|]',
        'Really[?|]',
        'What do you mean[?|]',
        'Are you sure[?|]',
        "I don't understand[.|]",
        'How come[?|]',
      ],
      held: ['Pardon?', 'You have lost me.'],
    },
    says: [
      'I am a small model and cannot explain it well. [Ask me something else?|I know sums, stories and word games.]',
      'I cannot say more about it. [I am best at sums, stories and word games.|]',
    ],
  },
];

export function smallTalk(voice: Voice): Exchange {
  return spoken(voice.pick(others), voice);
}

export function greeting(voice: Voice): Exchange {
  return spoken(hello, voice);
}

function spoken({ asks, says }: Phrase, voice: Voice): Exchange {
  return { user: voice.ask(asks), assistant: voice.say(says).trim() };
}
