/** The request of OpenAI's `/v1/responses`, as a chat. */
import * as v from 'valibot';
import { type ChatFields, chatFieldsOf, checkFields } from './fields.ts';

const text = v.string();
const flag = v.nullish(v.boolean());
const hint = v.nullish(v.unknown());
const part = v.strictObject({
  type: v.picklist(['input_text', 'output_text']),
  text,
  ...{ annotations: hint, logprobs: hint, prompt_cache_breakpoint: v.nullish(v.null()) },
});
const content = v.union([text, v.array(part)], 'a text or a list of {"type": "input_text", "text": …}');
const own = { id: v.nullish(text), status: v.nullish(text) };
const message = v.strictObject({
  type: v.nullish(v.literal('message')),
  role: v.picklist(['user', 'assistant', 'system', 'developer']),
  ...{ content, ...own, phase: v.nullish(text) },
});
const call = v.strictObject({
  type: v.literal('function_call'),
  call_id: text,
  name: text,
  arguments: text,
  ...own,
});
const output = v.strictObject({
  type: v.literal('function_call_output'),
  call_id: text,
  output: content,
  ...own,
});
const item = v.union([message, call, output], 'a message, a function_call or a function_call_output');
const format = v.variant('type', [
  v.strictObject({ type: v.literal('text') }),
  v.strictObject({ type: v.literal('json_object') }),
  v.strictObject({
    type: v.literal('json_schema'),
    ...{
      name: v.nullish(text),
      description: v.nullish(text),
      strict: flag,
      schema: v.record(text, v.unknown()),
    },
  }),
]);
const tool = v.strictObject({
  type: v.literal('function'),
  ...{
    name: text,
    description: v.nullish(text),
    parameters: v.nullish(v.record(text, v.unknown())),
    strict: flag,
  },
});
const fields = v.strictObject({
  model: v.nullish(text),
  input: v.union([text, v.array(item)], 'a text or a list of items'),
  instructions: v.nullish(text),
  previous_response_id: v.nullish(text),
  ...{
    max_output_tokens: v.nullish(v.number()),
    temperature: v.nullish(v.number()),
    top_p: v.nullish(v.number()),
  },
  ...{ stream: flag, store: flag, parallel_tool_calls: flag, tools: v.nullish(v.array(tool)) },
  tool_choice: v.nullish(
    v.union([
      v.picklist(['none', 'auto', 'required']),
      v.strictObject({ type: v.literal('function'), name: text }),
    ]),
  ),
  text: v.nullish(v.strictObject({ format: v.nullish(format), verbosity: v.nullish(v.null()) })),
  // These change nothing about an answer of this server.
  ...{
    metadata: hint,
    user: v.nullish(text),
    prompt_cache_key: v.nullish(text),
    safety_identifier: v.nullish(text),
  },
  ...{
    service_tier: v.nullish(v.picklist(['auto', 'default'])),
    truncation: v.nullish(v.literal('disabled')),
  },
  ...{
    background: v.nullish(v.literal(false)),
    reasoning: v.nullish(v.strictObject({ effort: v.nullish(v.literal('none')) })),
  },
  ...{ include: v.nullish(v.pipe(v.array(v.unknown()), v.length(0))), top_logprobs: v.nullish(v.literal(0)) },
  ...{ conversation: v.nullish(v.null()), max_tool_calls: v.nullish(v.null()), prompt: v.nullish(v.null()) },
  stream_options: v.nullish(v.strictObject({ include_obfuscation: flag })),
});

export type AskedResponse = v.InferOutput<typeof fields>;
export type ResponseFields = ChatFields & { readonly asked: AskedResponse };

/** @throws ApiError naming the field that is wrong or not supported */
export function responseFieldsOf(body: unknown): ResponseFields {
  const asked = checkFields(fields, body);
  const { tool_choice: choice, text: form } = asked;
  const chat = chatFieldsOf({
    ...{ model: asked.model, stream: asked.stream, temperature: asked.temperature, top_p: asked.top_p },
    max_tokens: asked.max_output_tokens,
    messages: messagesOf(asked),
    tools: asked.tools?.map(({ type, ...definition }) => ({ type, function: definition })),
    tool_choice:
      typeof choice === 'object' && choice ? { type: 'function', function: { name: choice.name } } : choice,
    parallel_tool_calls: asked.parallel_tool_calls,
    response_format: formatOf(form?.format),
  });
  return { ...chat, asked };
}

function formatOf(asked: v.InferOutput<typeof format> | null | undefined): unknown {
  if (asked?.type !== 'json_schema') return asked;
  const { type, ...json_schema } = asked;
  return { type, json_schema };
}

function messagesOf({ input, instructions }: AskedResponse): object[] {
  const system = instructions ? [{ role: 'system', content: instructions }] : [];
  if (typeof input === 'string') return [...system, { role: 'user', content: input }];
  const messages: { role: string; content: string; tool_calls?: object[]; tool_call_id?: string }[] = [];
  for (const one of input) {
    if (one.type === 'function_call_output')
      messages.push({ role: 'tool', content: textIn(one.output), tool_call_id: one.call_id });
    else if (one.type === 'function_call') {
      const made = {
        id: one.call_id,
        type: 'function',
        function: { name: one.name, arguments: one.arguments },
      };
      const last = messages.at(-1);
      // Calls are items of their own; in a chat they belong to the message before.
      if (last?.role === 'assistant') last.tool_calls = [...(last.tool_calls ?? []), made];
      else messages.push({ role: 'assistant', content: '', tool_calls: [made] });
    } else messages.push({ role: one.role, content: textIn(one.content) });
  }
  return [...system, ...messages];
}

function textIn(given: v.InferOutput<typeof content>): string {
  return typeof given === 'string' ? given : given.map((one) => one.text).join('');
}
