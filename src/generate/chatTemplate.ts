/** Renders a conversation as a prompt, using the Jinja template of a tokenizer. */
import { Environment, Template } from '@huggingface/jinja';
import { InputError } from '../errors.ts';
import type { ChatMessage } from '../text/corpus.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { isObject } from '../text/tokenizerJson.ts';
import { type ChatPrompt, renderLiterally } from './literalText.ts';
import { strftime } from './strftime.ts';
import { range, TemplateInterpreter } from './templateInterpreter.ts';

export type { ChatMessage } from '../text/corpus.ts';

/** How messages become the text that a model reads. */
export interface ChatOptions {
  /** End with the beginning of the assistant's answer. Default true. */
  addGenerationPrompt?: boolean;
  /** More variables of the template, such as `tools`. */
  variables?: Readonly<Record<string, unknown>>;
}

type ChatTokenizer = Pick<TextTokenizer, 'chatTemplate' | 'token' | 'bosTokenId' | 'eosTokenId' | 'config'>;

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
    tools: null,
    documents: null,
    ...variables,
    ...namedTokens(tokenizer),
    messages,
    add_generation_prompt: addGenerationPrompt,
  };
  try {
    return run(compile(tokenizer.chatTemplate), context);
  } catch (error) {
    throw new InputError(`chat_template: ${(error as Error).message}`, { cause: error });
  }
}

const roles = ['unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/** The special tokens with a role, by its name; absent ones are undefined in a template. */
function namedTokens(tokenizer: ChatTokenizer): Record<string, string> {
  const found: [string, unknown][] = [
    ['bos_token', tokenizer.token(tokenizer.bosTokenId)],
    ['eos_token', tokenizer.token(tokenizer.eosTokenId)],
    ...roles.map((role): [string, unknown] => {
      const entry = tokenizer.config[role];
      return [role, isObject(entry) ? entry.content : entry];
    }),
  ];
  return Object.fromEntries(found.filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
}

function run(template: Template, context: Record<string, unknown>): string {
  const environment = new Environment();
  environment.set('raise_exception', (message: unknown) => {
    throw new Error(String(message));
  });
  environment.set('strftime_now', (format: unknown) => strftime(String(format)));
  environment.set('range', range);
  for (const [name, value] of [
    ['True', true],
    ['False', false],
    ['None', null],
    ['true', true],
    ['false', false],
    ['none', null],
  ] as const)
    environment.set(name, value);
  for (const [name, value] of Object.entries(context)) environment.set(name, value);
  return new TemplateInterpreter(environment).evaluate(template.parsed as never, environment).value as string;
}

/**
 * The prompt with the special tokens that are the template's own; those that messages and tools spell are text.
 * @throws {InputError} as `renderChat`
 */
export function renderPrompt(
  tokenizer: ChatTokenizer & Pick<TextTokenizer, 'specialTokens'>,
  messages: readonly ChatMessage[],
  { variables = {}, ...options }: ChatOptions = {},
): ChatPrompt {
  checkMessages(messages);
  const { tools = null, ...rest } = variables;
  return renderLiterally({ messages, tools }, tokenizer.specialTokens, (marked) =>
    renderChat(tokenizer, marked.messages, { ...options, variables: { ...rest, tools: marked.tools } }),
  );
}

/** Parsing takes longer than rendering, and a server renders the same template again and again. */
let last: { source: string; template: Template } | undefined;

function compile(source: string): Template {
  if (last?.source !== source) last = { source, template: new Template(source.replace(/\r\n?/g, '\n')) };
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
