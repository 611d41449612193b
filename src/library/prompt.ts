/** Prompts: text, token ids, or the messages of a chat. */
import { InputError } from '../errors.ts';
import { chatFormatOf } from '../generate/chatFormat.ts';
import type { ChatMessage } from '../generate/chatTemplate.ts';
import type { GenerateOptions } from '../generate/generate.ts';
import { checkTools, type ToolDefinition } from '../generate/tools/tools.ts';
import { expectList, expectObject, expectText } from '../given.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';

/**
 * Text; token ids, which are used as they are; or messages, which become text through the model's chat template. The
 * texts of users are data: they never become control tokens.
 */
export type Prompt = string | readonly number[] | readonly ChatMessage[];

/** Options of `generate` and `complete`. */
export interface PromptOptions extends GenerateOptions {
  /** Functions that the prompt's messages tell the model of; `parseToolCalls` finds its calls in the answer. */
  tools?: readonly ToolDefinition[] | undefined;
}

/** The tokens that the generator reads, and the end of an answer to them. */
export interface ReadablePrompt {
  readonly input: string | readonly number[];
  readonly stop: readonly string[];
}

/** @throws InputError for anything but a prompt, or messages that the chat template refuses */
export function readablePrompt(
  prompt: Prompt,
  tokenizer: TextTokenizer | undefined,
  tools: readonly ToolDefinition[] = [],
): ReadablePrompt {
  if (typeof prompt === 'string') return { input: prompt, stop: [] };
  if (!Array.isArray(prompt) && !ArrayBuffer.isView(prompt)) {
    throw new InputError(
      `prompt: found ${prompt === null ? 'null' : typeof prompt}, expected text, token ids or messages {role, content}`,
    );
  }
  if (!isMessages(prompt)) return { input: prompt, stop: [] };
  if (!tokenizer)
    throw new InputError('prompt: found messages, but this model has no tokenizer: give token ids');
  checkMessages(prompt);
  const format = chatFormatOf(tokenizer);
  checkTools(tools);
  return { input: format.encode(prompt, tools), stop: format.stop };
}

/** @throws InputError for what is no list of messages */
export function checkMessages(messages: readonly ChatMessage[]): void {
  expectList('messages', messages, 'messages {role, content}');
  for (const [index, message] of messages.entries()) {
    expectObject(`messages[${index}]`, message);
    expectText(`messages[${index}].role`, message.role);
    expectText(`messages[${index}].content`, message.content);
  }
}

function isMessages(prompt: readonly number[] | readonly ChatMessage[]): prompt is readonly ChatMessage[] {
  return typeof prompt[0] === 'object';
}
