import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatMessage } from '../text/corpus.ts';
import { collect, listed } from '../text/testing.ts';
import { TextTokenizer } from '../text/tokenizer.ts';
import { trainBpe } from '../text/trainBpe.ts';
import { conversationRows, markConversation } from './conversations.ts';

fc.configureGlobal({ seed: 1 });

const chatTemplate =
  '{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}' +
  '{% if add_generation_prompt %}<|assistant|>{% endif %}';

async function tokenizerOf(template = chatTemplate): Promise<TextTokenizer> {
  const { json, config } = await trainBpe(listed(['What is it? It is a cat. Yes, a cat it is.']), {
    vocabularySize: 280,
    specialTokens: ['<|system|>', '<|user|>', '<|assistant|>', '<|end|>'],
    chatTemplate: template,
  });
  return TextTokenizer.fromJson(json, config);
}

const user = (content: string): ChatMessage => ({ role: 'user', content });
const assistant = (content: string): ChatMessage => ({ role: 'assistant', content });
const talk = [
  { role: 'system', content: 'Be kind.' },
  user('What?'),
  assistant('A cat.'),
  user('Yes?'),
  assistant('Yes.'),
];

describe('a conversation as tokens', () => {
  it('marks what the assistant says and the token that ends it, and nothing else', async () => {
    const tokenizer = await tokenizerOf();
    const { ids, marks } = markConversation(tokenizer, talk, 1000)!;
    const text = (mark: number) =>
      tokenizer.decode(
        ids.filter((_, at) => marks[at] === mark),
        { skipSpecialTokens: false },
      );
    expect(text(1)).toBe('A cat.<|end|>Yes.<|end|>');
    expect(text(0)).toBe(
      '<|endoftext|><|system|>Be kind.<|end|><|user|>What?<|end|><|assistant|><|user|>Yes?<|end|><|assistant|>',
    );
  });

  it('is cut after the last whole answer, or within the first', async () => {
    const tokenizer = await tokenizerOf();
    const whole = markConversation(tokenizer, talk, 1000)!;
    const first = markConversation(tokenizer, talk.slice(0, 3), 1000)!;
    const shorter = markConversation(tokenizer, talk, whole.ids.length - 1)!;
    expect(shorter).toEqual(first);
    const within = markConversation(tokenizer, talk, first.ids.length - 2)!;
    expect(within.ids).toEqual(first.ids.slice(0, -2));
  });

  it('has nothing to learn where nobody answers, or the answer lies beyond the end', async () => {
    const tokenizer = await tokenizerOf();
    expect(markConversation(tokenizer, [user('What?')], 1000)).toBeUndefined();
    expect(markConversation(tokenizer, [assistant('I begin.')], 1000)).toBeUndefined();
    expect(markConversation(tokenizer, talk, 5)).toBeUndefined();
  });

  it('refuses a template that writes earlier turns differently', async () => {
    const rewriting = await tokenizerOf('{{ messages | length }}{{ messages[-1].content }}');
    expect(() => markConversation(rewriting, talk, 100)).toThrow(/writes earlier turns differently/);
  });
});

describe('rows of conversations', () => {
  it('hold each conversation whole and once, padded with what is not learned', async () => {
    const tokenizer = await tokenizerOf();
    const length = 40;
    const words = fc.array(fc.constantFrom('cat', 'is', 'a', 'it', 'What', 'yes'), { maxLength: 6 });
    const conversation = fc
      .array(fc.tuple(words, words), { minLength: 1, maxLength: 3 })
      .map((turns) => turns.flatMap(([q, a]) => [user(q.join(' ')), assistant(a.join(' '))]));
    await fc.assert(
      fc.asyncProperty(fc.array(conversation, { minLength: 1, maxLength: 60 }), async (conversations) => {
        const rows = await collect(conversationRows(listed(conversations), tokenizer, length));
        const expected = conversations.flatMap((one) => {
          const marked = markConversation(tokenizer, one, length + 1);
          return marked ? [JSON.stringify([marked.ids, marked.marks])] : [];
        });
        const found = rows.flatMap(({ ids, marks }) => {
          expect(ids).toHaveLength(length + 1);
          expect(marks).toHaveLength(length + 1);
          // Each conversation begins with the eos token; what is left of the row is eos tokens, each alone.
          const starts = [...ids.entries()].filter(([, id]) => id === 0).map(([at]) => at);
          return starts
            .map((start, k) => [start, starts[k + 1] ?? ids.length] as const)
            .filter(([start, end]) => end - start > 1)
            .map(([start, end]) => JSON.stringify([ids.slice(start, end), marks!.slice(start, end)]));
        });
        expect(found.sort()).toEqual(expected.sort());
        expect(rows.reduce((sum, { documents }) => sum + documents, 0)).toBe(expected.length);
      }),
      { numRuns: 30 },
    );
  });
});
