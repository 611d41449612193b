/** Anthropic's `/v1/messages`, as a chat: text and tools, whole and streamed. */
import { randomBytes } from 'node:crypto';
import * as v from 'valibot';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { AnswerParts, type Part } from './answerParts.ts';
import type { AnswerEvent } from './answers.ts';
import { type ChatRequest, chatRequestOf } from './chatRequest.ts';
import { type ChatFields, chatFieldsOf, checkFields } from './fields.ts';
import type { UsageFields } from './respond.ts';
import type { Runtime } from './runtime.ts';
import type { Caller } from './scope.ts';
import type { Start } from './start.ts';
import type { Wire } from './wire.ts';

const text = v.string();
const hint = v.nullish(v.unknown());
const textBlock = v.strictObject({
  type: v.literal('text'),
  text,
  cache_control: hint,
  citations: v.nullish(v.null()),
});
const content = v.union([text, v.array(textBlock)], 'a text or a list of text blocks');
const block = v.variant('type', [
  textBlock,
  v.strictObject({
    type: v.literal('tool_use'),
    id: text,
    name: text,
    input: v.unknown(),
    cache_control: hint,
    caller: hint,
  }),
  v.strictObject({
    type: v.literal('tool_result'),
    tool_use_id: text,
    content: v.nullish(content),
    is_error: v.nullish(v.boolean()),
    cache_control: hint,
  }),
]);
const fields = v.strictObject({
  model: v.nullish(text),
  max_tokens: v.number(),
  messages: v.array(
    v.strictObject({ role: v.picklist(['user', 'assistant']), content: v.union([text, v.array(block)]) }),
  ),
  system: v.nullish(content),
  stop_sequences: v.nullish(v.array(text)),
  ...{ stream: v.nullish(v.boolean()), temperature: v.nullish(v.number()), top_p: v.nullish(v.number()) },
  ...{ top_k: v.nullish(v.number()), metadata: hint, cache_control: hint },
  service_tier: v.nullish(v.picklist(['auto', 'standard_only'])),
  thinking: v.nullish(v.strictObject({ type: v.literal('disabled') })),
  tools: v.nullish(
    v.array(
      v.strictObject({
        type: v.nullish(v.literal('custom')),
        ...{ name: text, description: v.nullish(text), input_schema: v.record(text, v.unknown()) },
        ...{ strict: v.nullish(v.boolean()), cache_control: hint },
      }),
    ),
  ),
  tool_choice: v.nullish(
    v.strictObject({
      type: v.picklist(['auto', 'any', 'tool', 'none']),
      name: v.nullish(text),
      disable_parallel_tool_use: v.nullish(v.boolean()),
    }),
  ),
  output_config: v.nullish(
    v.strictObject({
      format: v.nullish(
        v.strictObject({ type: v.literal('json_schema'), schema: v.record(text, v.unknown()) }),
      ),
    }),
  ),
});
type Asked = v.InferOutput<typeof fields>;

/** @throws ApiError naming the field that is wrong or not supported */
export function messageFieldsOf(body: unknown): ChatFields {
  const asked = checkFields(fields, body);
  const { tool_choice: choice, output_config } = asked;
  const format = output_config?.format;
  return chatFieldsOf({
    ...{ model: asked.model, max_tokens: asked.max_tokens, stream: asked.stream, stop: asked.stop_sequences },
    ...{ temperature: asked.temperature, top_p: asked.top_p, top_k: asked.top_k },
    messages: [...systemOf(asked), ...asked.messages.flatMap(messagesOf)],
    tools: asked.tools?.map(({ name, description, input_schema }) => ({
      type: 'function',
      function: { name, description, parameters: input_schema },
    })),
    tool_choice: choice && choiceOf(choice),
    parallel_tool_calls: choice?.disable_parallel_tool_use !== true,
    response_format: format && { type: 'json_schema', json_schema: { schema: format.schema } },
  });
}

function choiceOf({ type, name }: NonNullable<Asked['tool_choice']>): unknown {
  if (type === 'tool') return { type: 'function', function: { name: name ?? '' } };
  return type === 'any' ? 'required' : type;
}

function systemOf({ system }: Asked): object[] {
  return system === undefined || system === null ? [] : [{ role: 'system', content: textIn(system) }];
}

function textIn(given: v.InferOutput<typeof content> | null | undefined): string {
  return typeof given === 'string' ? given : (given ?? []).map((one) => one.text).join('');
}

/** Results of tools are messages of their own. */
function messagesOf({ role, content: given }: Asked['messages'][number]): object[] {
  if (typeof given === 'string') return [{ role, content: given }];
  const texts = given.flatMap((one) => (one.type === 'text' ? [one.text] : []));
  const calls = given.flatMap((one) =>
    one.type === 'tool_use'
      ? [{ id: one.id, type: 'function', function: { name: one.name, arguments: JSON.stringify(one.input) } }]
      : [],
  );
  const results = given.flatMap((one) =>
    one.type === 'tool_result'
      ? [{ role: 'tool', tool_call_id: one.tool_use_id, content: textIn(one.content) }]
      : [],
  );
  const said = texts.length > 0 || calls.length > 0 || results.length === 0;
  const message = { role, content: texts.join(''), ...(calls.length > 0 && { tool_calls: calls }) };
  return [...results, ...(said ? [message] : [])];
}

export async function messageWire(
  runtime: Runtime,
  asked: ChatFields,
  start: Start,
  caller: Caller,
): Promise<Wire> {
  const chat = await chatRequestOf(runtime, asked, start, caller);
  const message = new Message(runtime, chat, [asked.stop ?? []].flat());
  return {
    ...{ request: chat.request, stream: asked.stream === true, includeUsage: true, isNamed: true },
    chunks: (event) => message.events(event),
    ending: (usage) => message.ending(usage),
    whole: (usage) => message.whole(usage),
  };
}

type Block =
  | { readonly type: 'text'; text: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: unknown };

class Message {
  readonly #tokenizer: TextTokenizer;
  readonly #stops: readonly string[];
  readonly #parts: AnswerParts;
  readonly #blocks: Block[] = [];
  readonly #envelope: object;
  #stop: { stop_reason: string | null; stop_sequence: string | null } = {
    stop_reason: null,
    stop_sequence: null,
  };

  constructor({ tokenizer, modelName }: Runtime, { isTool }: ChatRequest, stops: readonly string[]) {
    this.#tokenizer = tokenizer;
    this.#stops = stops;
    this.#parts = new AnswerParts(isTool);
    const id = `msg_${randomBytes(12).toString('hex')}`;
    this.#envelope = { id, type: 'message', role: 'assistant', model: modelName };
  }

  events(event: AnswerEvent): object[] {
    if (event.type === 'prompt') {
      const usage = { input_tokens: event.read.tokens.length, output_tokens: 0 };
      return [{ type: 'message_start', message: { ...this.#envelope, content: [], ...this.#stop, usage } }];
    }
    if (event.type === 'piece') return this.#add(this.#parts.push(event.text));
    const rest = this.#add(this.#parts.end());
    this.#stop = this.#stopOf(event);
    return [...rest, ...this.#close()];
  }

  ending(usage: UsageFields): object[] {
    return [{ type: 'message_delta', delta: this.#stop, usage: usageOf(usage) }, { type: 'message_stop' }];
  }

  whole(usage: UsageFields): object {
    return { ...this.#envelope, content: this.#blocks, ...this.#stop, usage: usageOf(usage) };
  }

  #add({ text: more, calls }: Part): object[] {
    const events: object[] = [];
    if (more !== '') {
      let last = this.#blocks.at(-1);
      if (last?.type !== 'text') {
        last = { type: 'text', text: '' };
        events.push(...this.#close(), this.#begin(last, { ...last }));
      }
      last.text += more;
      events.push(this.#delta({ type: 'text_delta', text: more }));
    }
    for (const { id, name, arguments: json } of calls) {
      const call = {
        type: 'tool_use' as const,
        id: id.replace('call', 'toolu'),
        name,
        input: JSON.parse(json),
      };
      events.push(...this.#close(), this.#begin(call, { ...call, input: {} }));
      events.push(this.#delta({ type: 'input_json_delta', partial_json: json }));
    }
    return events;
  }

  #begin(block: Block, shown: Block): object {
    const index = this.#blocks.push(block) - 1;
    return { type: 'content_block_start', index, content_block: shown };
  }

  #delta(delta: object): object {
    return { type: 'content_block_delta', index: this.#blocks.length - 1, delta };
  }

  #close(): object[] {
    return this.#blocks.length === 0 ? [] : [{ type: 'content_block_stop', index: this.#blocks.length - 1 }];
  }

  /** A token that ends answers ended this one, or a text of the request did. */
  #stopOf({ reason, session }: AnswerEvent & { type: 'end' }) {
    const last = session.unread.at(-1);
    const isText =
      reason === 'stop' && this.#stops.length > 0 && !(last !== undefined && this.#tokenizer.isSpecial(last));
    if (reason === 'length') return { stop_reason: 'max_tokens', stop_sequence: null };
    if (this.#parts.calls > 0) return { stop_reason: 'tool_use', stop_sequence: null };
    return isText
      ? { stop_reason: 'stop_sequence', stop_sequence: this.#stops.length === 1 ? this.#stops[0]! : null }
      : { stop_reason: 'end_turn', stop_sequence: null };
  }
}

function usageOf({
  prompt_tokens,
  completion_tokens,
  prompt_tokens_details: { cached_tokens },
}: UsageFields) {
  return {
    input_tokens: prompt_tokens - cached_tokens,
    cache_read_input_tokens: cached_tokens,
    cache_creation_input_tokens: 0,
    output_tokens: completion_tokens,
  };
}
