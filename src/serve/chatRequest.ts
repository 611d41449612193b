/** What an answer to messages needs, whichever API asks: the rendered chat, its form, and which tools it may call. */
import { type ChatFormat, chatFormatOf } from '../generate/chatFormat.ts';
import type { ChatMessage } from '../generate/chatTemplate.ts';
import { argumentsOf, checkTools, type ToolDefinition } from '../generate/tools/tools.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import type { AnswersRequest } from './answers.ts';
import { ApiError } from './apiError.ts';
import { type ChatFields, choiceOptionsOf } from './fields.ts';
import { longText } from './promptEncoder.ts';
import type { Runtime } from './runtime.ts';
import type { Caller } from './scope.ts';
import { checkChoices, checkMaxTokens, continued, type Start } from './start.ts';

export interface ChatRequest {
  readonly request: AnswersRequest;
  /** Whether there is a tool of this name; undefined: the answer is text only. */
  readonly isTool: ((name: string) => boolean) | undefined;
}

/** @throws ApiError; InputError naming the field that is wrong */
export async function chatRequestOf(
  runtime: Runtime,
  fields: ChatFields,
  start: Start,
  caller: Caller,
): Promise<ChatRequest> {
  const n = fields.n ?? 1;
  checkChoices(runtime, n, start, caller);
  const format = formatOf(runtime.tokenizer);
  const tools = toolsOf(fields);
  const form = formOf(runtime, fields, tools);
  const ids = await encodeMessages(runtime, fields.messages, start.earlier, caller, tools);
  const tokens = continued(runtime, ids, start.earlier, 'messages');
  const preamble = start.earlier ? 0 : await preambleOf(runtime, fields.messages, tools, ids, caller);
  const { name, value } = maxTokensOf(fields);
  const maxTokens = checkMaxTokens(runtime, name, value ?? runtime.limits.maxTokens);
  const { vocabulary } = runtime.scheduler;
  const options = choiceOptionsOf(fields, { maxTokens, logprobs: logprobsOf(fields), vocabulary, form });
  const stop = fields.ignore_eos === true ? options.stop : [...options.stop, ...format.stop];
  const names = new Set(tools.map((tool) => tool.function.name));
  return {
    request: { prompts: [{ ...tokens, preamble }], n, options: { ...options, stop }, scored: undefined },
    isTool: tools.length > 0 ? (tool) => names.has(tool) : undefined,
  };
}

/** How many tokens come from the system message and the tools, which other chats may begin with. */
function preambleOf(
  runtime: Runtime,
  messages: ChatFields['messages'],
  tools: readonly ToolDefinition[],
  ids: readonly number[],
  caller: Caller,
): number | Promise<number> {
  const first = messages.findIndex(({ role }) => role !== 'system' && role !== 'developer');
  if (first < 0 || (first === 0 && tools.length === 0)) return 0;
  const system = messages.slice(0, first);
  const encode = (content: string) =>
    encodeMessages(runtime, [...system, { role: 'user', content }], undefined, caller, tools);
  return runtime.preambles.length([system, tools], ids, encode);
}

/** The tools that the model is told of. */
export function toolsOf({
  tools,
  tool_choice,
}: Pick<ChatFields, 'tools' | 'tool_choice'>): readonly ToolDefinition[] {
  if (!tools || tool_choice === 'none') return [];
  checkTools(tools as readonly ToolDefinition[]);
  return tools.map(({ function: { name, description, parameters } }) => ({
    type: 'function',
    function: { name, ...(description && { description }), ...(parameters && { parameters }) },
  }));
}

function formOf(runtime: Runtime, fields: ChatFields, tools: readonly ToolDefinition[]) {
  const { tool_choice: asked, parallel_tool_calls } = fields;
  const form = runtime.forms.of(fields);
  if (asked === undefined || asked === null || asked === 'none' || asked === 'auto') return form;
  const refusal = (reason: string) => new ApiError(400, `tool_choice: ${reason}`, { param: 'tool_choice' });
  if (form) throw refusal('found a form of the answer too, expected one of them');
  const wanted = asked === 'required' ? undefined : asked.function.name;
  const callable = tools.filter((tool) => wanted === undefined || tool.function.name === wanted);
  if (callable.length === 0) throw refusal(`found ${wanted ?? asked}, expected one of the tools`);
  return runtime.forms.calls({
    tools: callable,
    parallel: parallel_tool_calls !== false && wanted === undefined,
    template: runtime.tokenizer.chatTemplate,
  });
}

/** Templates are parsed once. */
let known: { readonly tokenizer: TextTokenizer; readonly format: ChatFormat } | undefined;

function formatOf(tokenizer: TextTokenizer): ChatFormat {
  if (known?.tokenizer !== tokenizer) known = { tokenizer, format: chatFormatOf(tokenizer) };
  return known.format;
}

/**
 * The ids of a chat, up to where the answer begins.
 * @param earlier a conversation that the messages continue; they then contain only what is new
 */
export async function encodeMessages(
  { tokenizer, encoder, longWork }: Runtime,
  given: ChatFields['messages'],
  earlier: Start['earlier'],
  caller: Caller,
  tools: readonly ToolDefinition[] = [],
): Promise<readonly number[]> {
  const format = formatOf(tokenizer);
  const messages = given.map(plainMessage);
  const isLong = messages.reduce((sum, { content }) => sum + content.length, 0) > longText;
  const rendered = <T>(render: () => T) => (isLong ? longWork.once(render, caller) : render());
  if (earlier) {
    const ended = format.ending(earlier.unread.at(-1));
    const next = await rendered(() => format.renderNext(messages, ended, tools));
    return encoder.encodeNext(next, 'messages', caller);
  }
  const { text, allowSpecial } = await rendered(() => format.render(messages, tools));
  const options = { addSpecialTokens: format.begins, allowSpecial };
  return encoder.encode(text, options, 'messages', caller);
}

function plainMessage({
  role,
  content,
  tool_calls,
  tool_call_id,
}: ChatFields['messages'][number]): ChatMessage {
  const calls = (tool_calls ?? []).map(({ id, function: { name, arguments: args } }) => ({
    ...(id && { id }),
    type: 'function' as const,
    function: { name, arguments: argumentsOf(args) },
  }));
  return {
    role: role === 'developer' ? 'system' : role,
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(tool_call_id && { tool_call_id }),
    content: typeof content === 'string' ? content : (content ?? []).map(({ text }) => text).join(''),
  };
}

function maxTokensOf(fields: ChatFields) {
  const { max_tokens, max_completion_tokens } = fields;
  return typeof max_completion_tokens === 'number'
    ? { name: 'max_completion_tokens', value: max_completion_tokens }
    : { name: 'max_tokens', value: max_tokens ?? undefined };
}

function logprobsOf({ logprobs, top_logprobs }: ChatFields): number | undefined {
  if (logprobs === true) return top_logprobs ?? 0;
  if (typeof top_logprobs === 'number' && top_logprobs > 0)
    throw new ApiError(400, 'top_logprobs: expected logprobs to be true too', { param: 'top_logprobs' });
  return undefined;
}
