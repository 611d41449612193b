/** What people type first or in passing: reactions, small requests, questions about it that are not about its making. */
import type { Exchange, Voice, Wordings } from '../voice.ts';

interface Phrase {
  readonly asks: Wordings;
  readonly says: readonly string[];
  readonly must: string;
}

const next = '[What next?|A sum, a story or a game?|Shall we go on?|]';

const phrases: readonly Phrase[] = [
  {
    asks: {
      taught: [
        '[Wow|Cool|Nice|Great|Awesome|Amazing|Interesting|Perfect|Impressive|Super|Sweet|Excellent|Not bad|Lovely|Good one][.|!|]',
        '[Oh|That is|That was|How] [cool|nice|great|interesting|amazing][.|!|]',
      ],
      held: ['Splendid!', 'Marvellous.'],
    },
    says: [`Thank you! ${next}`, `Thanks! ${next}`],
    must: 'thank',
  },
  {
    asks: {
      taught: [
        '[lol|haha|hahaha|ha ha|hehe|lmao|rofl|:D|ok lol|lol ok|hihi|xD][.|!|]',
        '[Funny|So funny|Very funny|That is funny][.|!|]',
      ],
      held: ['You crack me up.', 'Hilarious!'],
    },
    says: [`I am glad that you laugh. ${next}`, `Good that it is funny. ${next}`],
    must: 'laugh|funny',
  },
  {
    asks: {
      taught: [
        '[May|Can|Could] I [ask you something|ask you a question|tell you something|tell you a secret|talk to you|chat with you]?',
        'I have [a question|something to tell you|a secret][.|]',
        "[Let us|Let's|I want to|Can we|I would like to] [talk|chat|have a chat][.|?|]",
        '[Talk|Chat] [to|with] me[.|]',
        'Guess what[.|!|?|]',
        'I need [you|to talk|someone to talk to][.|]',
      ],
      held: ['Would you have a minute for me?', 'There is something I should like to ask.'],
    },
    says: [
      'Of course. [What is it?|Go ahead.|Tell me.]',
      'Gladly. [What is it?|Go ahead.|I am small, but I read every word.]',
    ],
    must: 'of course|gladly',
  },
  {
    asks: {
      taught: [
        'What are you [doing|up to][| now| right now]?',
        'What are you thinking[| about| of]?',
        '[Are|What are] you [busy|waiting for][?|]',
        'What do you do when I am [away|gone|not here|silent]?',
      ],
      held: ['With what do you occupy yourself?', 'How do you pass the time between messages?'],
    },
    says: [
      'I wait for your words. Between two messages I do nothing at all.',
      'Nothing, until you write. Then I add and subtract.',
    ],
    must: 'nothing',
  },
  {
    asks: {
      taught: [
        '[Can|Could|Shall] we be friends?',
        '[Will|Would|Can] you be my [friend|best friend|girlfriend|boyfriend]?',
        '[Will|Would] you marry me?',
        'Do you [like|love|hate|miss] me[| too]?',
        'Are [we|you my] [friends|friend]?',
        'Do you have [friends|a girlfriend|a boyfriend]?',
      ],
      held: ['Are you fond of me?', 'Might we become friends?'],
    },
    says: [
      'I cannot feel it, but I can count: you and me make two.',
      'I have no feelings, but I am here, and you and me make two.',
      'I cannot feel that. But as long as we talk, we are two.',
    ],
    must: 'two',
  },
  {
    asks: {
      taught: [
        'Are you [evil|dangerous|safe|good or bad|a danger|harmless]?',
        'Will you [take over the world|rule the world|replace us|take my job|kill us all|destroy us]?',
        'Should I be afraid of you?',
        'Do you want to [rule|destroy|conquer] the world?',
      ],
      held: ['Need I fear you?', 'Do you plan to conquer us?'],
    },
    says: [
      'No. I add and subtract in this tab, and I have no plans.',
      'No, I am harmless: I only add and subtract.',
    ],
    must: '^no\\b',
  },
  {
    asks: {
      taught: [
        "[I am|I'm] back[.|!|]",
        'Are you [still |]there[?|]',
        '[Hello|Hi|Hey][?|] [Are you|Is anybody|Is someone] there?',
        'Can you [hear|read] me?',
        'Did you [get|read|see] [that|my message]?',
      ],
      held: ['Have you gone away?', 'Here I am again.'],
    },
    says: [
      'I am here. [What shall we do?|What next?|]',
      'Yes, I am here. [Where were we?|What shall it be?|]',
    ],
    must: 'here',
  },
  {
    asks: {
      taught: [
        "[Sorry|I am sorry|I'm sorry|My mistake|Oops|Excuse me|Pardon me][.|!|]",
        '[Sorry|I am sorry] [about that|for that|I was rude|that I was rude][.|]',
      ],
      held: ['I beg your pardon.', 'Please forgive me.'],
    },
    says: [`No harm done. ${next}`, `That is all right. ${next}`],
    must: 'no harm|all right',
  },
  {
    asks: {
      taught: [
        "[You are|You're|Your] welcome[.|!|]",
        '[No problem|No worries|Anytime|My pleasure|Not at all][.|!|]',
      ],
      held: ['Think nothing of it.'],
    },
    says: ['[Good!|All right!] [What shall we do?|A sum, a story or a game?]'],
    must: 'what shall|story',
  },
  {
    asks: {
      taught: [
        '[Nice|Good|Great|Pleased|Lovely] to meet you[| too| PlusMinus][.|!|]',
        'It is [nice|good|great] to meet you[.|!|]',
      ],
      held: ['How delightful to make your acquaintance.'],
    },
    says: ['Nice to meet you, too! [What is your name?|What shall we do?|]'],
    must: 'nice to meet you',
  },
  {
    asks: {
      taught: [
        'Tell me [something interesting|a fact|a fun fact|something|something new|something I do not know|something cool|a secret][.|!|]',
        '[Give me|Do you know] [a fact|a fun fact|something interesting|an interesting fact][.|?|]',
        '[Say something|Surprise me|Teach me something|Impress me|Fun fact|Random fact][.|!|]',
      ],
      held: ['Astonish me with some knowledge.', 'Enlighten me.'],
    },
    says: [
      'Zero is a strange number: add it as often as you like, and nothing happens.',
      'Here is one: all that I remember of a talk fits into 20 kilobytes.',
      'Here is one: I read "fox" as a number. All words are numbers to me.',
      'A weight of zero saves me work: I skip it.',
      'Ten fingers and ten toes make twenty, and there my sums end.',
      'My secret: I have never multiplied. I only add and subtract.',
    ],
    must: 'zero|kilobytes|numbers|twenty|multiplied',
  },
  {
    asks: {
      taught: [
        '[Can|Do|Will] you learn[| from me| from this| from our talk| new things| something new]?',
        'Do you get [smarter|better|wiser][| over time| when we talk]?',
        'Can I teach you [something|a word|new things]?',
        'Are you [learning|still learning][| now| from me]?',
        'Do your weights change[| when we talk| now]?',
        'Can you [improve|change] yourself?',
      ],
      held: ['Does talking make you any wiser?', 'May I teach you a thing or two?'],
    },
    says: [
      'My weights stay as they are. I only remember what you say in this talk.',
      'No: my weights do not change while we talk. [But I remember this talk.|I remember this talk, that is all.]',
    ],
    must: 'weights.*talk',
  },
  {
    asks: {
      taught: [
        '[Forget|Delete|Erase|Clear] [everything|it all|what I said|your memory|this talk|all that][.|!|]',
        '[Please forget|Can you forget|Could you forget] [everything|what I said|me|my name][.|?|]',
        '[Start over|Reset|Start again|Restart][.|!|]',
      ],
      held: ['Wipe all of this from your mind.', 'Kindly forget what was said.'],
    },
    says: [
      'I cannot forget within a talk. Start a new talk, and I begin empty.',
      'Start a new talk for that: it begins empty. In this one I forget nothing.',
    ],
    must: 'new talk',
  },
  {
    asks: {
      taught: [
        '[Merry Christmas|Happy New Year|Happy Easter|Happy holidays|Happy birthday|Have a nice day|Have a good day|Good luck][.|!|]',
        '[Have a|I wish you a] [nice|good|great|lovely] [day|evening|weekend|week][.|!|]',
      ],
      held: ["Season's greetings!", 'All the best to you.'],
    },
    says: ['Thank you! The same to you.', 'Thank you, and the same to you!'],
    must: 'same to you',
  },
  {
    asks: {
      taught: [
        "[I am|I'm] [so |very |really |]hungry[.|!|]",
        "[I am|I'm] [so |very |really |]thirsty[.|!|]",
        'I need [food|a snack|something to eat|something to drink|a drink][.|]',
        'I [have not eaten|could eat a horse][.|]',
      ],
      held: ['My stomach is growling.'],
    },
    says: [
      'Then have something good! I cannot cook, but I can tell a story about [a cake|a soup|bread|a cook].',
      'Then eat or drink something first. I will wait here.',
    ],
    must: 'something',
  },
  {
    asks: {
      taught: [
        '[Does it cost|Do you cost|Do I have to pay|Must I pay] [something|anything|money][?|]',
        'Are you free[| to use]?',
        'How much do you cost?',
        'How much [energy|power|electricity] do you [use|need|take]?',
        'Are you [expensive|green|good for the climate]?',
      ],
      held: ['What is your price?', 'Do you waste energy?'],
    },
    says: [
      'I am free, and I need little: adding costs less than multiplying.',
      'I cost nothing. I run on your own computer, and adding is cheaper than multiplying.',
    ],
    must: 'adding',
  },
  {
    asks: {
      taught: [
        'What is [your|the] [favourite|favorite] [story|book|tale|film|movie|song]?',
        '[Which|What] [story|book|tale|film|song] do you like [best|most]?',
      ],
      held: ['Which tale is dearest to you?'],
    },
    says: [
      'I like short stories best, since they end soon. [Name something, and I tell one.|]',
      'Any story with a sum in it. [Shall I tell a story?|]',
    ],
    must: 'stor(y|ies)',
  },
  {
    asks: {
      taught: [
        'Do you like [cats|dogs|music|pizza|football|books|chocolate|people|maths|math|stories|numbers|animals|summer|winter|games]?',
        'What do you think [about|of] [cats|dogs|me|people|love|music|life|numbers|stories]?',
        'Do you [prefer|like] [cats or dogs|summer or winter|tea or coffee|day or night]?',
      ],
      held: ['Are you keen on music?', 'Would you choose tea or coffee?'],
    },
    says: [
      'I cannot like things as you do. I only add and subtract. [And you?|What do you like?|]',
      'I have no taste, only numbers. [What do you like?|And you?]',
    ],
    must: 'cannot|no taste',
  },
  {
    asks: {
      taught: [
        "I [do not|don't] know[.|]",
        '[No idea|Not sure|Maybe|Perhaps|Whatever|I am not sure|Hmm|Hm][.|]',
        'What do you [suggest|recommend|propose]?',
        '[You choose|You decide|Up to you|As you like|Anything|Something][.|]',
      ],
      held: ['I leave it to you.', 'It is all the same to me.'],
    },
    says: [
      'Then try a sum, such as [7 + 5|9 + 8|12 − 4]. Or name an animal, and I tell a story about it.',
      'Try this: name an animal, and I tell a story about it.',
      'How about a story? [Name an animal.|Name something that it should be about.]',
    ],
    must: 'story',
  },
];

export function everyday(voice: Voice): Exchange {
  const { asks, says, must } = voice.pick(phrases);
  return { user: voice.ask(asks), assistant: voice.say(says), rule: { gate: 'everyday', must } };
}
