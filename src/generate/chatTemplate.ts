/** A conversation as a prompt, through the Jinja template that comes with a tokenizer. */
import { Template } from '@huggingface/jinja';
import { InputError } from '../errors.ts';
import type { ChatMessage } from '../text/corpus.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { type ChatPrompt, renderLiterally } from './literalText.ts';

export type { ChatMessage } from '../text/corpus.ts';

export interface ChatOptions {
  /** End with the beginning of the assistant's answer. Default true. */
  addGenerationPrompt?: boolean;
  /** More variables of the template, such as `tools`. */
  variables?: Readonly<Record<string, unknown>>;
}

type ChatTokenizer = Pick<TextTokenizer, 'chatTemplate' | 'token' | 'bosTokenId' | 'eosTokenId'>;

/**
 * The prompt's text. Templates write the bos token themselves: encode it with `addSpecialTokens: false`.
 * @throws {InputError} if there is no template, it is malformed, or it refuses the messages
 */
export function renderChat(
  tokenizer: ChatTokenizer,
  messages: readonly ChatMessage[],
  { addGenerationPrompt = true, variables = {} }: ChatOptions = {},
): string {
  checkMessages(messages);
  if (tokenizer.chatTemplate === undefined) {
    throw new InputError(
      'chat_template: found none in tokenizer_config.json; this model continues plain text only',
    );
  }
  const context = {
    ...variables,
    messages,
    bos_token: tokenizer.token(tokenizer.bosTokenId) ?? '',
    eos_token: tokenizer.token(tokenizer.eosTokenId) ?? '',
    add_generation_prompt: addGenerationPrompt,
  };
  try {
    return compile(tokenizer.chatTemplate).render(context);
  } catch (error) {
    throw new InputError(`chat_template: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * The prompt with the special tokens that are the template's own; those that messages spell are text.
 * @throws {InputError} as `renderChat`
 */
export function renderPrompt(
  tokenizer: ChatTokenizer & Pick<TextTokenizer, 'specialTokens'>,
  messages: readonly ChatMessage[],
  options: ChatOptions = {},
): ChatPrompt {
  checkMessages(messages);
  return renderLiterally(messages, tokenizer.specialTokens, (marked) =>
    renderChat(tokenizer, marked, options),
  );
}

/** Parsing takes longer than rendering, and a server renders the same template again and again. */
let last: { source: string; template: Template } | undefined;

function compile(source: string): Template {
  if (last?.source !== source) last = { source, template: new Template(source) };
  return last.template;
}

function checkMessages(messages: readonly ChatMessage[]): void {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new InputError('messages: found none, expected a list of at least one {role, content}');
  }
  messages.forEach((message: unknown, index) => {
    for (const field of ['role', 'content'] as const) {
      const found = (message as ChatMessage | null | undefined)?.[field] as unknown;
      if (typeof found !== 'string') {
        throw new InputError(`messages[${index}].${field}: found ${JSON.stringify(found)}, expected a text`);
      }
    }
  });
}
