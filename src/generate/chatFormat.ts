/** How a chat becomes text: by the template that comes with a tokenizer, or, without one, by names before lines. */
import { InputError } from '../errors.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { type ChatMessage, renderChat } from './chatTemplate.ts';

export interface ChatFormat {
  /** The whole chat, up to where the answer begins. */
  render(messages: readonly ChatMessage[]): string;
  /**
   * What comes after an answer that the model has given already: its end, the messages and the beginning of the
   * next answer. `ended` is the special token that the model itself has ended the answer with, if any.
   * @throws InputError if the template writes earlier messages differently depending on later ones
   */
  continuation(messages: readonly ChatMessage[], ended: string | undefined): string;
  /** Whether the tokenizer's bos token comes first; templates write it themselves. */
  readonly begins: boolean;
  readonly stop: readonly string[];
  /** The text of the special token `id` that ended an answer. */
  ending(id: number | undefined): string | undefined;
}

export function chatFormatOf(tokenizer: TextTokenizer): ChatFormat {
  return tokenizer.chatTemplate === undefined ? plainFormat : templateFormat(tokenizer);
}

const mark = 'ANSWER';
const answered: readonly ChatMessage[] = [
  { role: 'user', content: 'question' },
  { role: 'assistant', content: mark },
];

function templateFormat(tokenizer: TextTokenizer): ChatFormat {
  const text = renderChat(tokenizer, answered, { addGenerationPrompt: false });
  const upToAnswer = text.slice(0, text.lastIndexOf(mark) + mark.length);
  const end = endOfAnswer(tokenizer, text.slice(upToAnswer.length));
  return {
    render: (messages) => renderChat(tokenizer, messages),
    continuation(messages, ended) {
      const whole = renderChat(tokenizer, [...answered, ...messages]);
      if (!whole.startsWith(upToAnswer)) {
        throw new InputError(
          'chat_template: it rewrites earlier messages, so that a chat cannot go on from its state; send all messages',
        );
      }
      const after = whole.slice(upToAnswer.length);
      const endAt = ended === undefined ? -1 : after.indexOf(ended);
      const isFirst = endAt >= 0 && after.slice(0, endAt).trim() === '';
      return isFirst ? after.slice(endAt + ended!.length) : after;
    },
    begins: false,
    stop: end === undefined ? [] : [end],
    ending: (id) => (id !== undefined && tokenizer.isSpecial(id) ? tokenizer.token(id) : undefined),
  };
}

/** The special token that the template writes after an answer, which is not always the eos token. */
function endOfAnswer(tokenizer: TextTokenizer, after: string): string | undefined {
  return tokenizer.json.added_tokens.find(
    ({ special, content }) => special && after.trimStart().startsWith(content),
  )?.content;
}

/** For models that were trained on plain text only. */
const plainFormat: ChatFormat = {
  render: (messages) => `${plainLines(messages)}Assistant:`,
  continuation: (messages) => `\n${plainLines(messages)}Assistant:`,
  begins: true,
  stop: ['\nUser:'],
  ending: () => undefined,
};

function plainLines(messages: readonly ChatMessage[]): string {
  const names: Record<string, string> = { user: 'User: ', assistant: 'Assistant:', system: '' };
  return messages.map(({ role, content }) => `${names[role] ?? ''}${content}\n`).join('');
}
