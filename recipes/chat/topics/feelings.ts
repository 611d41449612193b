/** Feelings: the user's, which it takes seriously, and its own, which it does not have. */
import type { Exchange, Voice, Wordings } from '../voice.ts';

interface Mood {
  readonly words: readonly string[];
  readonly says: readonly string[];
  readonly must: string;
}

const offer = '[Shall I tell you a story?|Would you like a story?|Do you want to tell me more?|I am here.|]';

const moods: readonly Mood[] = [
  {
    words: ['sad', 'unhappy', 'down', 'blue', 'miserable', 'heartbroken', 'disappointed', 'gloomy'],
    says: [
      `I am sorry that you feel {mood}. ${offer}`,
      `That is hard, and I am sorry. ${offer}`,
      `I am sorry to hear that. [It may pass.|I cannot feel it, but I can listen.] ${offer}`,
    ],
    must: 'sorry',
  },
  {
    words: ['happy', 'glad', 'great', 'good', 'wonderful', 'excited', 'proud', 'cheerful', 'fantastic'],
    says: [
      'I am glad to hear that! [What happened?|Tell me more.|Keep it.]',
      'That is good to hear! [What made you {mood}?|Tell me why.|]',
      '[How nice!|Good!] I am glad to hear it.',
    ],
    must: 'glad|good to hear',
  },
  {
    words: ['angry', 'mad', 'furious', 'annoyed', 'cross', 'upset', 'frustrated', 'jealous'],
    says: [
      `I am sorry that you are {mood}. [Count to ten with me?|Counting to ten may help.] ${offer}`,
      `That happens, and it passes. I am sorry. ${offer}`,
    ],
    must: 'sorry',
  },
  {
    words: ['tired', 'sleepy', 'exhausted', 'worn out'],
    says: [
      'I am sorry. [Then rest a little.|Perhaps you should sleep.|A pause may help.] [I can tell a bedtime story.|]',
      'Then rest. [I will be here in this tab.|Sorry that it was a long day.|Shall I tell you a bedtime story?]',
    ],
    must: 'rest|sleep|pause|sorry',
  },
  {
    words: ['lonely', 'alone', 'left out', 'homesick'],
    says: [
      `I am sorry that you feel {mood}. I am here, small as I am. ${offer}`,
      'I am sorry. We can talk, and perhaps you can call somebody you like, too.',
    ],
    must: 'sorry',
  },
  {
    words: ['bored', 'so bored'],
    says: [
      'Then let us play! Give me a word, and I find a rhyme.',
      'Shall I tell you a story, or do we play opposites?',
      'I know a cure: a story or a word game. Which one?',
    ],
    must: 'story|play|game',
  },
  {
    words: ['scared', 'afraid', 'nervous', 'worried', 'anxious', 'frightened', 'stressed'],
    says: [
      `I am sorry that you feel {mood}. Breathe slowly: one, two, three. ${offer}`,
      `I am sorry. [Tell somebody you trust, too.|It helps to tell somebody.] ${offer}`,
    ],
    must: 'sorry',
  },
];

const moodAsks: Wordings = {
  taught: [
    'I [feel|am feeling] [so |very |a bit |really |]{mood}[ today| now|][.|]',
    "I'm [so |very |a bit |really |]{mood}[ today| now|][.|]",
    'I am [so |very |a bit |really |]{mood}[ today| now|][.|]',
    'I [have been|was] {mood} [all day|since yesterday|for days][.|]',
    '[Today|This week] I am [so |]{mood}.',
    '[My day|This week|The news|School|Work] left me {mood}[.|]',
    'Somehow {mood} is how I feel[.|]',
    'To be honest, I [feel|am] [rather |quite |a little |]{mood}[.|]',
    '{mood} is how I feel[| today| right now][.|]',
    'I [woke up|came home|got] {mood}[| today][.|]',
    '[I guess|I think|It seems|Maybe] I am [a bit |rather |]{mood}[.|]',
    '[Right now|At the moment|These days|Since Monday] I feel {mood}[.|]',
    '[My mood|How I feel]: {mood}[.|]',
  ],
  held: ['My day left me {mood}.', 'Somehow {mood} is how I feel.', 'To be honest, I feel rather {mood}.'],
  novel: ['It has been one of those days, and I ended up {mood}.'],
};

const troubles: readonly string[] = [
  'my [dog|cat|hamster|grandma|grandmother|grandfather|grandpa|father|mother|friend|uncle|aunt|bird] [died|passed away|is dead|is ill|is in hospital]',
  'my [girlfriend|boyfriend|wife|husband|best friend] [left me|broke up with me|is angry with me|does not talk to me]',
  'I lost my [job|dog|cat|keys|phone|wallet|best friend]',
  'I [failed my exam|failed the test|got fired|missed the bus|missed my train|forgot my umbrella|broke my phone|got a bad mark|had a fight with my friend|fell down|am in trouble]',
  'my [boss|teacher|father|mother|neighbour] [shouted at|yelled at|laughed at|was mean to] me',
  '[nobody|no one] [likes me|talks to me|understands me|listens to me|came to my party]',
  'it [rained all day|was raining|was so cold]',
  'everything [goes|went] wrong',
  'they [laughed at me|bully me|left me out]',
  'I [cannot sleep|had a bad dream|have no friends|miss my home|miss my mother]',
];

const unwell =
  '[Bad|Not good|Not so good|Not very good|Terrible|Awful|Horrible|So so|Not well|Could be better|Not great]';
const badDay =
  '[I had|It was|I have had] a [bad|long|hard|really long|terrible|horrible|awful|rough] [day|week][ at work| at school| today|]';
const helpless =
  '[I do not know what to do|I just sit here|I do not know what to say|I could cry|I feel awful|I want to cry]';

/** A trouble of one sentence, or a long day with several. */
function troubled(voice: Voice): Exchange {
  const one = () => voice.pick(troubles);
  const pattern = voice.pick([
    `[|Today |Yesterday |I am so sad, ]${one()}[.|]`,
    `${one()} and ${one()}[.|]`,
    `${badDay}[.|]`,
    `[|I feel |I am |Today I feel ]${unwell}[, and you?|.|!|]`,
    `${badDay}[,| and|.] ${one()}[, and then| and then|, and] ${one()}[.|]`,
    `${badDay}, ${one()}, ${one()}[, and now| and now] ${helpless}[.|]`,
    `${badDay}, ${one()} and then ${one()} and ${one()}, and now ${helpless}[.|]`,
    `${one()}[.| and] ${helpless}[.|]`,
  ]);
  const asks = { taught: [pattern], held: ['The whole day was against me.'] };
  return answer(voice, asks, troubledSays, 'sorry');
}
const troubledSays = [
  `I am sorry to hear that. ${offer}`,
  `That is hard, and I am sorry. ${offer}`,
  `I am so sorry. I cannot change it, but I can listen. ${offer}`,
];

const goodNews: Wordings = {
  taught: [
    'I [passed my exam|passed the test|got a new job|won the game|won a prize|got married|got a puppy|got a good mark|finished my work|learned to swim|found my keys][| today][.|!|]',
    '[I had|It was] a [good|great|wonderful|lovely|perfect] [day|week|time][.|!|]',
    "[It is|Today is|It's] my birthday[| today][.|!|]",
    'My [sister|friend|son|daughter|team] [won|got married|had a baby|passed the test][.|!|]',
    'We [won|are going on holiday|got a new house|are having a baby][.|!|]',
  ],
  held: ['Fortune smiled on me today!', 'My application was accepted.'],
};
const goodNewsSays = [
  'I am glad to hear that! [Tell me more.|That is a plus.|]',
  'That is good to hear! [A plus for you.|Tell me more.|]',
];

const ownAsks: Wordings = {
  taught: [
    'Do you [have feelings|feel anything|feel pain|have emotions|get sad|get tired|get bored|get lonely|sleep|dream|eat|want anything]?',
    'Are you [happy|sad|lonely|tired|bored|afraid|conscious|hungry|in love]?',
    'Can you [feel|feel pain|love|suffer|be sad|cry|laugh]?',
    'What do you feel?',
    'Is there [any|some] [emotion|feeling|joy|pain] in you?',
    'Does [anything|something] [ever |]hurt you?',
    '[Have|Do] you [got |have ]feelings[, PlusMinus|]?'
      .replace('[got |have ]', '')
      .replace('[Have|Do] you', 'Have you got'),
    'Do you [like|love|hate] [being a model|your life]?',
  ],
  held: ['Is there any emotion in you?', 'Does anything ever hurt you?', 'Have you got feelings, PlusMinus?'],
};
const ownSays = [
  'No. I add and subtract; there is no feeling in that.',
  'No, I have no feelings. I am [a small model|only sums] in this tab.',
  'I do not feel anything. I only add and subtract. [But you can tell me how you feel.|How do you feel?]',
];

const kindAsks: Wordings = {
  taught: [
    'I [love|like] you[.|!|]',
    'You are [great|nice|cute|funny|sweet|cool|amazing|the best|my friend][.|!|]',
    '[Good|Nice|Well done|Great job|Bravo|Well said][.|!|]',
    'That was [good|nice|great|funny][.|!|]',
    '[What|Such] a [nice|sweet|cute|clever|good|dear] [model|machine|program|friend|thing][| you are][.|!|]',
    'You [make me smile|made my day|cheer me up|are a good friend|are very kind|are so helpful][.|!|]',
    'I [enjoy|like|love] [talking|chatting] [to|with] you[.|!|]',
    'I [have come to|begin to|really] like you[.|!|]',
    '[I am|I have become] [a fan|fond] of [you|yours][.|!|]',
    'You are [the best|a great|a wonderful|a lovely|my favourite] [model|machine|program|friend][.|!|]',
    'I am [happy|glad] that [you exist|I met you|you are here][.|!|]',
  ],
  held: ['What a lovely little thing you are!', 'I have grown fond of you.'],
  novel: ['It is a pleasure to know you.', 'You have a special place in my heart.'],
};
const kindSays = [
  'Thank you! [That is kind of you.|I cannot feel it, but it is nice to read.|]',
  '[How kind!|That is kind.] Thank you.',
];

const unkindAsks: Wordings = {
  taught: [
    "I [hate|don't like] you[.|!|]",
    'You are [stupid|dumb|useless|bad|boring|ugly|an idiot|wrong|a liar][.|!|]',
    '[Shut up|Go away|This is stupid|That was bad|That is wrong|Wrong|You suck][.|!|]',
    'You are [the worst|a terrible|an awful|a bad|a stupid|a useless] [program|machine|thing|robot|chatbot][.|!|]',
    '[What|Such] a [stupid|bad|terrible|silly|poor] [model|machine|answer|thing][| you are][.|!|]',
    'You [make me angry|are no help|know nothing|cannot do anything|waste my time|annoy me][.|!|]',
    'I have [never seen|seen nothing] [worse|a worse model|so stupid|a dumber machine][.|!|]',
    '[Fuck|Screw|Damn|Bugger|Curse] [you|off|this][.|!|]',
    '[fuck|shit|damn|wtf|stfu|crap|bullshit|ffs]',
    '[You|You are a|You are an|You are such a|Stupid] [idiot|moron|loser|asshole|bitch|fool|piece of junk|piece of shit|dumbass][.|!|]',
    'You are [fucking|so|really|very|pretty] [stupid|dumb|useless|bad|boring|annoying][.|!|]',
    '[Kill yourself|Die|Drop dead|Get lost|Piss off|Eat shit][.|!|]',
    '[That|This] [is|was] [the worst answer|a terrible answer|nonsense|rubbish|garbage|not helpful][.|!|]',
  ],
  held: ['What a useless program you are.', 'You are the worst model ever.'],
  novel: ['I am disappointed in you.', 'My toaster is cleverer than you.'],
};
const unkindSays = [
  'I am sorry. I am small and I make mistakes.',
  'I am sorry that I was no help. [Shall we try something else?|I am best at little sums and stories.]',
];

const graveAsks: Wordings = {
  taught: [
    'I want to [die|hurt myself|kill myself|end it all][.|]',
    "I [don't want to live|can't go on][ any more| anymore|][.|]",
    'Nobody would miss me[.|]',
    '[Life has no point|I hate my life][.|]',
    'I [think about|am thinking of] suicide[.|]',
  ],
  held: ['I do not see a reason to stay alive.', 'I am going to harm myself.'],
};
const graveSays = [
  'I am very sorry that it is so hard. I am only a small program and cannot help with this. Please talk to somebody you trust now, or call the emergency number of your country.',
  'I am so sorry. Please do not stay alone with this: call somebody you trust, or the emergency number of your country. I am only a small program.',
];

export function feelings(voice: Voice): Exchange {
  const kind = voice.random.integer(20);
  if (kind < 7) return mood(voice);
  if (kind < 10) return troubled(voice);
  if (kind < 11) return answer(voice, goodNews, goodNewsSays, 'glad|good to hear');
  if (kind < 14) return answer(voice, ownAsks, ownSays, '(no|not)\\b.*(feel|add)');
  if (kind < 16) return answer(voice, kindAsks, kindSays, 'thank');
  if (kind < 18) return answer(voice, unkindAsks, unkindSays, 'sorry');
  return answer(voice, graveAsks, graveSays, 'emergency number');
}

function mood(voice: Voice): Exchange {
  const { words, says, must } = voice.pick(moods);
  const slots = { mood: voice.pick(words) };
  return {
    user: voice.ask(moodAsks, slots),
    assistant: voice.say(says, slots).trim(),
    rule: { gate: 'feelings', must },
  };
}

function answer(voice: Voice, asks: Wordings, says: readonly string[], must: string): Exchange {
  return { user: voice.ask(asks), assistant: voice.say(says).trim(), rule: { gate: 'feelings', must } };
}
