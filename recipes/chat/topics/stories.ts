/** A story about what was named. */
import { withArticle } from '../grammar.ts';
import { composed, randomPetName } from '../plots.ts';
import type { OpenWords } from '../sources.ts';
import { plural, retold, type Tale } from '../tinyStories.ts';
import { type Exchange, type Voice, type Wordings, word } from '../voice.ts';
import { inventedName } from '../words/names.ts';
import { subjects } from '../words/subjects.ts';

const asks: Wordings = {
  taught: [
    '[Tell|Please tell|Could you tell|Can you tell] me [a|a short|another] story about {subject}[.|?|]',
    '[Tell|Write|Make up|Give] me [a|one] [story|tale|bedtime story] about {subject}[.|!|]',
    '[A|Another] story about {subject}[, please|][.|!|]',
    '[Can|Could|Will] you [write|make up|invent|tell] a [story|tale|short story] [about|with] {subject}[ in it|]?',
    "I [want|would like|'d like|need] [a|to hear a] story about {subject}[.|]",
    'Do you know a [story|tale] about {subject}?',
    'Write a [short |little |]story about {subject}[.|]',
    'Once upon a time there was {subject}. [Go on.|Continue.|What happened?]',
    'My [son|daughter|little brother|cat] wants a story about {subject}.',
    'story about {subject}',
    '[Have you got|Got|Is there] a [story|tale] [about|with] {subject}?',
    '[Something|Anything] about {subject}, [as a story|in a story|a short one][.|]',
    'I [am in the mood for|feel like|long for] a [story|tale] [about|with|of] {subject}[.|]',
    '[Could|Would|Can|Will] you [tell|write|make up|invent|do] [something|a thing] [about|with] {subject}[, as a story|, a story|]?',
    '[For bedtime|For my child|Before I sleep]: [a story|something|a tale] [about|with] {subject}[.|]',
    '[Entertain|Surprise|Amuse] me with a [story|tale] [about|with|of] {subject}[.|]',
    'How about a [story|tale|little story|little tale] [about|of|with] {subject}?',
    'My [niece|nephew|child|sister|friend|teacher|mum] [asks for|wants|would like] a [story|tale] [about|with] {subject}[.|]',
    'What about a [story|tale] [about|with] {subject}?',
    '{subject}: [tell me a story|a story|make a story of that][.|!|]',
    'Let {subject} [be|appear] in a [story|tale][.|]',
    'I [need|want|love|like] stories [about|with] {subject}[.|]',
    'Story: {subject}',
    "Let's have a story about {subject}[.|!]",
    '[Write|Make] [me |][a fairy tale|a short tale|a little story|a nice story|a funny story] [about|with] {subject}[.|!|, please|]',
    '[Tell me|I want to hear] [about|something about] {subject}[, a story|: a story][.|]',
    '[Please |]tell a story [where|in which] {subject} [has an adventure|is the hero|finds a friend].',
  ],
  held: [
    'I am in the mood for a tale with {subject} in it.',
    'Would you mind telling something about {subject}, as a story?',
    'For bedtime, something about {subject}, if you can.',
    'Entertain me with a story that has {subject} in it.',
    'How about a little tale of {subject}?',
    'My niece asks for a story with {subject}. Can you do that?',
  ],
  novel: ['The children will not sleep until they hear of {subject}. Could you help with a tale?'],
};

const anyAsks: Wordings = {
  taught: [
    '[Tell|Please tell|Can you tell] me a [story|tale|bedtime story][.|?|]',
    '[A|Another|One more] story[, please|][.|!|]',
    'Write a [short |]story.',
    'I want [a|another] story.',
    'Story time!',
    'Do you know a story?',
    'Tell me something [nice|funny].',
  ],
  held: ['Spin me a yarn, will you?', 'A tale would be nice now.'],
};

export interface StorySources extends OpenWords {
  readonly tales: readonly Tale[];
}

/** @param subject what the user names; chosen if absent */
export function story(voice: Voice, sources: StorySources, subject?: string): Exchange {
  const { tales } = sources;
  const fromCorpus = subject === undefined && !voice.held && voice.chance(0.1) && tales.length > 0;
  const told = fromCorpus ? retold(voice.pick(tales), voice) : undefined;
  const about = told?.subject ?? subject ?? anySubject(voice, sources);
  const name = told || voice.chance(0.8) ? undefined : heroName(voice, sources);
  const phrase = requested(about, name, voice);
  const text = told?.text ?? composed({ subject: about, name }, voice);
  const names = `(${word(about)}|${word(plural(about))})`;
  const must = name === undefined ? names : `${names}.*${word(name)}|${word(name)}.*${names}`;
  return { user: voice.ask(asks, { subject: phrase }), assistant: text, rule: { gate: 'story', must } };
}

/** Known ones, and as many that are rare or invented: only who repeats what was asked for can tell about those. */
function anySubject(voice: Voice, { nouns, rareNouns, pieces }: OpenWords): string {
  const kind = voice.random.integer(10);
  if (kind < 3) return voice.pick(subjects);
  if (kind < 6 && nouns.length > 0) return voice.pick(nouns);
  if (kind < 8 && rareNouns.length > 0) return voice.pick(rareNouns);
  return inventedName((list) => voice.pick(list), pieces).toLowerCase();
}

function heroName(voice: Voice, { pieces }: OpenWords): string {
  return voice.chance(0.6) || voice.held
    ? randomPetName(voice)
    : inventedName((list) => voice.pick(list), pieces);
}

function requested(subject: string, name: string | undefined, voice: Voice): string {
  if (name !== undefined)
    return `${withArticle(subject)} [named|called] ${name}`.replace(
      '[named|called]',
      voice.pick(['named', 'called']),
    );
  const adjective = voice.chance(0.15)
    ? `${voice.pick(['little', 'brave', 'big', 'funny', 'lost', 'happy', 'sad'])} `
    : '';
  if (voice.held) return withArticle(subject);
  return voice.pick([
    withArticle(adjective + subject),
    withArticle(adjective + subject),
    `the ${subject}`,
    plural(subject),
    subject,
  ]);
}

export function anyStory(voice: Voice, { tales }: StorySources): Exchange {
  const { text } = voice.chance(0.35)
    ? retold(voice.pick(tales), voice)
    : {
        text: composed(
          { subject: voice.pick(subjects), name: voice.chance(0.4) ? randomPetName(voice) : undefined },
          voice,
        ),
      };
  return { user: voice.ask(anyAsks), assistant: text };
}

const meAsks: Wordings = {
  taught: [
    'Tell me a story about me[.|!|]',
    '[Can you tell|Write] a story [about me|with me in it][?|.]',
    'I want a story about [me|myself].',
  ],
  held: ['Make me the hero of a tale.', 'A story in which I appear, please.'],
};

/** Before a name was told. */
export function storyAboutNobody(voice: Voice): Exchange {
  return {
    user: voice.ask(meAsks),
    assistant: voice.say([
      'You have not told me your name yet. Tell me, and I tell a story with you in it.',
      'Gladly, but you have not told me your name. What is it?',
    ]),
    rule: { gate: 'recall', must: 'not told me' },
  };
}

/** A story whose hero is the user, by the name that was told. */
export function storyAboutMe(voice: Voice, name: string): Exchange {
  const text = composed({ subject: voice.pick(['child', 'traveller', 'friend']), name }, voice);
  return { user: voice.ask(meAsks), assistant: text, rule: { gate: 'recall', must: word(name) } };
}

const yes: Wordings = {
  taught: ['[Yes|Yes please|Yeah|Sure|Ok|Okay|Please do|Yes, tell me one|Oh yes|Gladly][.|!|]'],
  held: ['I should like that.'],
};
const no: Wordings = {
  taught: ['[No|No thanks|No thank you|Not now|Nope][.|!|]'],
  held: ['I would rather not.'],
};
const more: Wordings = {
  taught: ['[Another one|One more|Another|More|Again|Tell me another one|And another][, please|][.|!|]'],
  held: ['Do you have a second one?'],
};

/** The story that was offered. */
export function acceptedStory(voice: Voice, { assistant }: Exchange): Exchange {
  return { user: voice.ask(yes), assistant };
}

export function refusedStory(voice: Voice): Exchange {
  return {
    user: voice.ask(no),
    assistant: voice.say(['All right. [What else?|I am here.|]', 'Good. [Say when you want one.|]']),
  };
}

export function anotherStory(voice: Voice, sources: StorySources): Exchange {
  return { user: voice.ask(more), assistant: anyStory(voice, sources).assistant };
}

const changeAsks: Wordings = {
  taught: [
    '[Make|Tell] it [shorter|longer|funnier|scarier|sadder|nicer|again|differently][.|!|]',
    '[What happened|What happens|What comes|And what happened] [next|then|after that|in the end][?|]',
    '[And then|Go on|Continue|Is that all|Is that the end|Was that all|More][?|.|!|]',
    'What is the [moral|meaning|message|point][| of it| of the story][?|]',
    '[Change|Can you change] the [end|ending|story|name][.|?|]',
  ],
  held: ['Could it have a happier ending?', 'What did we learn from that?'],
};
const changeSays = [
  'A story that is told stays as it is. [Name something, and I tell another one.|Shall I tell another story?]',
  'That was all of it. [Name something, and I tell another one.|Shall I tell another story?]',
];
const praiseAsks: Wordings = {
  taught: [
    'I [liked|loved|enjoyed] [it|that|the story|your story][.|!|]',
    '[Nice|Good|Great|Lovely|Beautiful|Sweet|Cute|What a nice|That was a good] [story|tale][.|!|]',
  ],
  held: ['That one warmed my heart.'],
};
const blameAsks: Wordings = {
  taught: [
    '[That was|It was|How|The story was] [boring|silly|too short|too long|strange|bad|sad][.|!|]',
    '[I did not like|I do not understand] [it|that|the story][.|]',
  ],
  held: ['That left me cold.'],
};
const aboutAsks: Wordings = {
  taught: [
    'What was [the|that|your] story about[?|]',
    'Who was [it|the story|that] about[?|]',
    'Who was [the hero|in the story|in it][?|]',
  ],
  held: ['Remind me whom that tale was about.'],
};

/** What is said of a story that was just told. */
export function storyRemark(voice: Voice, { rule, user }: Exchange): Exchange {
  const kind = voice.random.integer(5);
  const subject = /\uE000(?:an? |the )?(?:(?:little|brave|big|funny|lost|happy|sad) )?([\w' -]+?)\uE001/.exec(
    user,
  )?.[1];
  if (kind === 0 && subject !== undefined && rule)
    return {
      user: voice.ask(aboutAsks),
      assistant: `About ${subjectNamed(user)}.`,
      rule: { gate: 'everyday', must: word(subject) },
    };
  if (kind < 2)
    return remark(
      voice,
      praiseAsks,
      ['Thank you! [Shall I tell another story?|I like stories that end well.|]'],
      'thank',
    );
  if (kind < 3)
    return remark(
      voice,
      blameAsks,
      ['I am sorry. I know only small stories. [Shall I tell another story?|]'],
      'sorry',
    );
  return remark(voice, changeAsks, changeSays, 'told stays|all of it');
}

/** "a little fox" of what was asked for. */
const subjectNamed = (user: string) => /\uE000([^\uE001]*)\uE001/.exec(user)?.[1] ?? '';

function remark(voice: Voice, asks: Wordings, says: readonly string[], must: string): Exchange {
  return { user: voice.ask(asks), assistant: voice.say(says), rule: { gate: 'everyday', must } };
}
