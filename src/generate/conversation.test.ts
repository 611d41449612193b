import { describe, expect, it } from 'vitest';
import { byteLevelTokenizer, collect } from '../text/testing.ts';
import { TextTokenizer } from '../text/tokenizer.ts';
import { Conversation } from './conversation.ts';
import type { GenerateOptions } from './generate.ts';
import type { Session } from './session.ts';

const template =
  '{% for m in messages %}<|user|>{{ m.role }}: {{ m.content }}<|end|>\n{% endfor %}' +
  '{% if add_generation_prompt %}<|user|>assistant: {% endif %}';

/** Sessions that answer "fine." and then the given token, and note what they are told. */
function scripted(tokenizer: TextTokenizer, end: number, reason: 'stop' | 'length' | 'eos') {
  const sessions: { read: string[]; stop: unknown }[] = [];
  const newSession = () => {
    const notes = { read: [] as string[], stop: undefined as unknown };
    sessions.push(notes);
    return {
      async append(ids: readonly number[]) {
        notes.read.push(tokenizer.decode(ids, { skipSpecialTokens: false }));
      },
      async *generate({ onToken, onFinish, stop }: GenerateOptions) {
        notes.stop = stop;
        yield 'fine';
        yield '.';
        onToken?.(end);
        onFinish?.({ reason, tokens: 3, promptTokens: 1, unread: [] });
      },
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
    const { sessions, newSession } = scripted(tokenizer, tokenizer.tokenId('<|end|>')!, 'stop');
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

  it('begins anew where an answer was cut off, or left', async () => {
    const tokenizer = await tokenizerWith(template);
    const { sessions, newSession } = scripted(tokenizer, 300, 'length');
    const chat = new Conversation(newSession, tokenizer);
    await collect(chat.reply('Well?'));
    for await (const _ of chat.reply('And now?')) break;
    await collect(chat.reply('So?'));
    const read = sessions.flatMap((session) => session.read);
    expect(read[1]).toContain('user: Well?<|end|>\n<|user|>assistant: fine.<|end|>\n<|user|>user: And now?');
    expect(read[2]).toContain('assistant: fine<|end|>\n<|user|>user: So?');
  });

  it('writes names before plain text for a model without a template', async () => {
    const tokenizer = await tokenizerWith(undefined);
    const { sessions, newSession } = scripted(tokenizer, 300, 'stop');
    const chat = new Conversation(newSession, tokenizer);
    await collect(chat.reply('Well?'));
    await collect(chat.reply('So?'));
    const used = sessions.filter(({ read }) => read.length > 0);
    expect(used.map(({ read }) => read[0])).toEqual([
      '<|endoftext|>User: Well?\nAssistant:',
      '<|endoftext|>User: Well?\nAssistant:fine.\nUser: So?\nAssistant:',
    ]);
    expect(used[0]).toMatchObject({ stop: ['\nUser:'] });
  });
});
