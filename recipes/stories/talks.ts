/**
 * Conversations made from the corpus, so that an assistant learns to tell a story when it is asked for one and to
 * say what a word means. Nothing is invented: answers are texts of the corpus as they stand.
 */
import type { ChatMessage } from '../../src/text/corpus.ts';

const talk = (question: string, answer: string): ChatMessage[] => [
  { role: 'user', content: question },
  { role: 'assistant', content: answer },
];

const entry = /^(\S[^\n(]{0,60}) \((noun|verb|adjective|adverb)\): (.{8,600})$/;

/** `brook (noun): a small stream.` → What does “brook” mean? A small stream. */
export async function* definitions(glosses: AsyncIterable<string>): AsyncGenerator<ChatMessage[]> {
  let index = 0;
  for await (const text of glosses) {
    for (const line of text.split('\n')) {
      const found = entry.exec(line);
      if (found) yield definition(found[1]!, found[2]!, found[3]!, index++);
    }
  }
}

function definition(word: string, kind: string, meaning: string, index: number): ChatMessage[] {
  const questions = [
    `What does "${word}" mean?`,
    `What does the word "${word}" mean?`,
    `What is the meaning of "${word}"?`,
    kind === 'noun'
      ? `What is ${/^[A-Z]/.test(word) ? word : withArticle(word)}?`
      : `What does ${word} mean?`,
    `Define ${word}.`,
  ];
  return talk(questions[index % questions.length]!, meaning[0]!.toUpperCase() + meaning.slice(1));
}

function withArticle(word: string): string {
  return `${/^[aeiou]/i.test(word) ? 'an' : 'a'} ${word}`;
}

/** Answers of more characters would not fit into a row of the fine-tuning. */
const longestTale = 1600;

/** Short stories as answers to requests that name what they are about. */
export async function* tales(stories: AsyncIterable<string>): AsyncGenerator<ChatMessage[]> {
  const kept: { text: string; words: Map<string, number> }[] = [];
  const documents = new Map<string, number>();
  for await (const text of stories) {
    if (text.length > longestTale) continue;
    const words = countedWords(text);
    for (const word of words.keys()) documents.set(word, (documents.get(word) ?? 0) + 1);
    kept.push({ text: text.trim(), words });
  }
  for (const [index, { text, words }] of kept.entries()) {
    const topic = topicOf(words, (word) => Math.log(kept.length / documents.get(word)!));
    yield talk(topic ? aboutTopic(topic, index) : anyStory[index % anyStory.length]!, text);
    if (topic && index % 4 === 0) yield talk(anyStory[index % anyStory.length]!, text);
  }
}

const anyStory = [
  'Tell me a story.',
  'Can you tell me a story?',
  'Please tell me a bedtime story.',
  'Write a short story.',
];

function aboutTopic(topic: string, index: number): string {
  const named = withArticle(topic);
  const requests = [
    `Tell me a story about ${named}.`,
    `Can you tell me a story about ${named}?`,
    `Write a short story about ${named}.`,
    `Please tell me a story with ${named} in it.`,
  ];
  return requests[index % requests.length]!;
}

/** Nouns as far as their surroundings tell: what follows an article, without adjectives before another word. */
function countedWords(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [, word] of text.matchAll(
    /\b(?:[Aa]|[Aa]n|[Tt]he)\s+([a-z]{3,12})(?=[.,;!?]|\s+(?:was|is|and|who|that|in|on|to|had|came|said)\b)/g,
  )) {
    counts.set(word!, (counts.get(word!) ?? 0) + 1);
  }
  return counts;
}

/** The word that this story has often and others rarely (tf·idf), if it occurs at least twice. */
function topicOf(words: ReadonlyMap<string, number>, rarity: (word: string) => number): string | undefined {
  let best: string | undefined;
  let bestScore = 0;
  for (const [word, count] of words) {
    const score = count * rarity(word);
    if (count < 2 || score <= bestScore) continue;
    [best, bestScore] = [word, score];
  }
  return best;
}
