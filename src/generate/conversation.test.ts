import { describe, expect, it } from 'vitest';
import { LanguageModel } from '../languageModel.ts';
import { byteLevelTokenizer, collect } from '../text/testing.ts';
import { TextTokenizer } from '../text/tokenizer.ts';
import { Conversation } from './conversation.ts';
import type { Finish, GenerateOptions } from './generate.ts';
import type { Session } from './session.ts';

const template =
  '{% for m in messages %}<|user|>{{ m.role }}: {{ m.content }}<|end|>\n{% endfor %}' +
  '{% if add_generation_prompt %}<|user|>assistant: {% endif %}';

/** Sessions that answer "fine." and then the given text, and note what they are told. */
function scripted(tokenizer: TextTokenizer, end: string, reason: Finish['reason']) {
  const sessions: { read: string[]; stop: unknown }[] = [];
  const newSession = () => {
    const notes = { read: [] as string[], stop: undefined as unknown };
    sessions.push(notes);
    const draw = (text: string, onToken: GenerateOptions['onToken']) => {
      for (const id of tokenizer.encode(text, { addSpecialTokens: false, allowSpecial: true })) onToken?.(id);
    };
    return {
      async append(ids: readonly number[], { signal }: { signal?: AbortSignal } = {}) {
        signal?.throwIfAborted();
        notes.read.push(tokenizer.decode(ids, { skipSpecialTokens: false }));
      },
      async *generate({ onToken, onFinish, stop }: GenerateOptions) {
        notes.stop = stop;
        for (const piece of ['fine', '.']) {
          draw(piece, onToken);
          yield piece;
        }
        draw(end, onToken);
        onFinish?.({ reason, tokens: 3, promptTokens: 1, unread: [] });
      },
      fork: () => newSession(),
    } as unknown as Session;
  };
  return { sessions, newSession };
}

async function tokenizerWith(chatTemplate: string | undefined): Promise<TextTokenizer> {
  const { json, config } = await byteLevelTokenizer();
  return TextTokenizer.fromJson(json, {
    ...config,
    ...(chatTemplate ? { chat_template: chatTemplate } : {}),
  });
}

describe('Conversation', () => {
  it('reads each message once, and the end of an answer not again', async () => {
    const tokenizer = await tokenizerWith(template);
    const { sessions, newSession } = scripted(tokenizer, '<|end|>', 'stop');
    const chat = new Conversation(newSession, tokenizer, 'Be brief.');
    expect(await collect(chat.reply('Well?'))).toEqual(['fine', '.']);
    await collect(chat.reply('And now?', { stop: '!' }));
    const used = sessions.filter(({ read }) => read.length > 0);
    expect(used).toEqual([
      {
        read: [
          '<|user|>system: Be brief.<|end|>\n<|user|>user: Well?<|end|>\n<|user|>assistant: ',
          '\n<|user|>user: And now?<|end|>\n<|user|>assistant: ',
        ],
        stop: ['!', '<|end|>'],
      },
    ]);
    expect(chat.messages.map(({ role, content }) => `${role}: ${content}`)).toEqual([
      ...['system: Be brief.', 'user: Well?', 'assistant: fine.', 'user: And now?', 'assistant: fine.'],
    ]);
  });

  it('continues where an answer was cut off, or left', async () => {
    const tokenizer = await tokenizerWith(template);
    const { sessions, newSession } = scripted(tokenizer, '', 'length');
    const chat = new Conversation(newSession, tokenizer);
    await collect(chat.reply('Well?'));
    for await (const _ of chat.reply('And now?')) break;
    await collect(chat.reply('So?'));
    const used = sessions.filter(({ read }) => read.length > 0);
    expect(used.map(({ read }) => read)).toEqual([
      [
        '<|user|>user: Well?<|end|>\n<|user|>assistant: ',
        '<|end|>\n<|user|>user: And now?<|end|>\n<|user|>assistant: ',
        '<|end|>\n<|user|>user: So?<|end|>\n<|user|>assistant: ',
      ],
    ]);
    expect(chat.messages.map(({ content }) => content)).toEqual([
      'Well?',
      'fine.',
      'And now?',
      'fine',
      'So?',
      'fine.',
    ]);
  });

  it('reads as much at turn 35 as at turn 2, however answers end', async () => {
    const tokenizer = await tokenizerWith(template);
    for (const reason of ['length', 'abort', 'stop', 'eos'] as const) {
      const end = { length: '', abort: '', stop: 'x', eos: '<|end|>' }[reason];
      const { sessions, newSession } = scripted(tokenizer, end, reason);
      const chat = new Conversation(newSession, tokenizer);
      for (let turn = 1; turn <= 35; turn++) await collect(chat.reply('Well?', { stop: 'x' }));
      const [read, ...others] = sessions.map((session) => session.read).filter(({ length }) => length > 0);
      expect(others).toEqual([]);
      expect(read!.at(34)!.length).toBe(read!.at(1)!.length);
    }
  });

  it('a message whose reading was stopped is forgotten, and the chat before it is kept', async () => {
    const tokenizer = await tokenizerWith(template);
    const { sessions, newSession } = scripted(tokenizer, '<|end|>', 'stop');
    const chat = new Conversation(newSession, tokenizer);
    await collect(chat.reply('Well?'));
    await expect(collect(chat.reply('A long text', { signal: AbortSignal.abort('stopped') }))).rejects.toBe(
      'stopped',
    );
    await collect(chat.reply('So?'));
    expect(chat.messages.map(({ content }) => content)).toEqual(['Well?', 'fine.', 'So?', 'fine.']);
    expect(sessions.filter(({ read }) => read.length > 0)).toHaveLength(1);
  });

  it('continues with an answer that was cut off, and refuses to with one that ended', async () => {
    const tokenizer = await tokenizerWith(template);
    const cut = new Conversation(scripted(tokenizer, '', 'length').newSession, tokenizer);
    expect(cut.canContinue).toBe(false);
    await collect(cut.reply('Well?'));
    expect(cut.canContinue).toBe(true);
    expect(cut.fork().canContinue).toBe(true);
    await collect(cut.continue());
    expect(cut.messages.at(-1)).toEqual({ role: 'assistant', content: 'fine.fine.' });
    const ended = new Conversation(scripted(tokenizer, '<|end|>', 'stop').newSession, tokenizer);
    await collect(ended.reply('Well?'));
    await expect(collect(ended.continue())).rejects.toThrow('the last answer is complete');
  });

  it('an answer cut at any token continues as if the whole chat were read again', async () => {
    await using model = await LanguageModel.load('plusminus/chat', { threads: 0 });
    const begin = () => new Conversation(() => model.session(), model.tokenizer!);
    const chat = begin();
    for (const maxTokens of [1, 5, 12]) {
      const fresh = begin();
      fresh.messages.push(...chat.messages);
      const options = { maxTokens, temperature: 0 };
      const answer = await collect(chat.reply('Tell me a story.', options));
      expect((await collect(fresh.reply('Tell me a story.', options))).join('')).toBe(answer.join(''));
    }
  });

  it('writes names before plain text for a model without a template', async () => {
    const tokenizer = await tokenizerWith(undefined);
    const { sessions, newSession } = scripted(tokenizer, '\nUser:', 'stop');
    const chat = new Conversation(newSession, tokenizer);
    await collect(chat.reply('Well?'));
    await collect(chat.reply('So?'));
    const used = sessions.filter(({ read }) => read.length > 0);
    expect(used.map(({ read }) => read)).toEqual([
      ['<|endoftext|>User: Well?\nAssistant:', ' So?\nAssistant:'],
    ]);
    expect(used[0]).toMatchObject({ stop: ['\nUser:'] });
  });
});
