/** Renders a chat as text: with the tokenizer's template, or, without one, as lines that start with a name. */
import { InputError } from '../errors.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { type ChatMessage, type ChatOptions, renderChat, renderPrompt } from './chatTemplate.ts';
import type { ChatPrompt } from './literalText.ts';
import { knowsTools, type ToolDefinition, toolsAsText } from './tools/tools.ts';

/** A rendered chat. The model has not read the text after an offset. */
export interface NextPrompt extends ChatPrompt {
  readonly from: number;
  /** Whether the text continues an earlier one. */
  readonly continues?: boolean;
}

type Tools = readonly ToolDefinition[];

export interface ChatFormat {
  /** The whole chat, up to where the answer begins. */
  render(messages: readonly ChatMessage[], tools?: Tools): ChatPrompt;
  /** The ids of the whole chat. */
  encode(messages: readonly ChatMessage[], tools?: Tools): number[];
  /**
   * A chat whose part after `from` follows an answer that the model has given already: its end, the messages and the
   * beginning of the next answer.
   * @param ended the special token that the model itself ended the answer with, if any
   * @throws InputError if the template writes earlier messages differently depending on later ones
   */
  renderNext(messages: readonly ChatMessage[], ended: string | undefined, tools?: Tools): NextPrompt;
  /** Whether the tokenizer's bos token comes first; templates write it themselves. */
  readonly begins: boolean;
  readonly stop: readonly string[];
  /** The text of the special token `id` that ended an answer. */
  ending(id: number | undefined): string | undefined;
}

export function chatFormatOf(tokenizer: TextTokenizer): ChatFormat {
  return tokenizer.chatTemplate === undefined ? plainFormat(tokenizer) : templateFormat(tokenizer);
}

const mark = 'ANSWER';
const question: ChatMessage = { role: 'user', content: 'question' };
const answer: ChatMessage = { role: 'assistant', content: mark };
const system: ChatMessage = { role: 'system', content: 'system' };

/** A rendered short chat with an answer, in a form that the template accepts. */
interface Probe {
  readonly messages: readonly ChatMessage[];
  readonly upToAnswer: string;
  readonly after: string;
}

/** Templates may demand a system message, or that the last message is a user's. */
function probeOf(tokenizer: TextTokenizer, tools: Tools = []): Probe | undefined {
  for (const before of [[question], [system, question]]) {
    for (const after of [[], [question]]) {
      const messages = [...before, answer];
      const text = attempt(() =>
        renderChat(
          tokenizer,
          ...toldTo(tokenizer, [...messages, ...after], tools, { addGenerationPrompt: false }),
        ),
      );
      const end = (text?.indexOf(mark) ?? -1) + mark.length;
      if (text === undefined || end < mark.length) continue;
      return { messages, upToAnswer: text.slice(0, end), after: text.slice(end) };
    }
  }
  return undefined;
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** What the template is given: tools as a variable, or as texts if it knows none. */
function toldTo(
  { chatTemplate }: TextTokenizer,
  messages: readonly ChatMessage[],
  tools: Tools,
  options: ChatOptions = {},
): [messages: readonly ChatMessage[], options: ChatOptions] {
  if (!knowsTools(chatTemplate)) return [toolsAsText(messages, tools), options];
  return [messages, { ...options, ...(tools.length > 0 && { variables: { tools } }) }];
}

function templateFormat(tokenizer: TextTokenizer): ChatFormat {
  const plainProbe = probeOf(tokenizer);
  const end = plainProbe && endOfAnswer(tokenizer, plainProbe.after);
  const render = (messages: readonly ChatMessage[], tools: Tools = []) =>
    renderPrompt(tokenizer, ...toldTo(tokenizer, messages, tools));
  return {
    render,
    encode: (messages, tools) => {
      const { text, allowSpecial } = render(messages, tools);
      return tokenizer.encode(text, { addSpecialTokens: false, allowSpecial });
    },
    renderNext(messages, ended, tools = []) {
      const probe = tools.length > 0 ? probeOf(tokenizer, tools) : plainProbe;
      const { text: whole, allowSpecial } = render([...(probe?.messages ?? []), ...messages], tools);
      if (!probe || !whole.startsWith(probe.upToAnswer)) {
        throw new InputError(
          'chat_template: it rewrites earlier messages, so a chat cannot continue from a state; send all messages',
        );
      }
      const { upToAnswer } = probe;
      const after = whole.slice(upToAnswer.length);
      const endAt = ended === undefined ? -1 : after.indexOf(ended);
      const isFirst = endAt >= 0 && after.slice(0, endAt).trim() === '';
      const from = upToAnswer.length + (isFirst ? endAt + ended!.length : 0);
      return { text: whole, allowSpecial, from };
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

/** The ids of a rendered chat after `offset`, as in the encoding of the whole. */
export function idsFrom(
  tokenizer: TextTokenizer,
  { text, allowSpecial }: ChatPrompt,
  offset: number,
): number[] {
  const { ids, before } = tokenizer.encodeWithOffsets(text, [offset], { allowSpecial });
  return ids.slice(before[0]);
}

/** For models that were trained on plain text only. */
function plainFormat(tokenizer: TextTokenizer): ChatFormat {
  const textOf = (messages: readonly ChatMessage[], tools: Tools = []) =>
    `${plainLines(toolsAsText(messages, tools))}Assistant:`;
  return {
    render: (messages, tools) => ({ text: textOf(messages, tools), allowSpecial: () => false }),
    encode: (messages, tools) => tokenizer.encode(textOf(messages, tools)),
    // An earlier turn has told of the tools.
    renderNext: (messages) => ({
      ...{ text: `\n${textOf(messages)}`, allowSpecial: () => false, from: 0, continues: true },
    }),
    begins: true,
    stop: ['\nUser:'],
    ending: () => undefined,
  };
}

function plainLines(messages: readonly ChatMessage[]): string {
  const names: Record<string, string> = { user: 'User: ', assistant: 'Assistant:', system: '' };
  return messages.map(({ role, content }) => `${names[role] ?? ''}${content}\n`).join('');
}
