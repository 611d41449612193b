/**
 * The fields of requests: types and ranges. Unknown and unsupported fields are rejected by name, because ignoring them
 * would mislead the client.
 */
import * as v from 'valibot';
import { ApiError } from './apiError.ts';
import type { ChoiceOptions } from './choice.ts';
import { formFields } from './forms.ts';
import { textsOrIds } from './textFields.ts';

/** A field that may be absent or null. */
const optional = <S extends v.GenericSchema>(schema: S) => v.nullish(schema);

const number = (min: number, max: number, range: string) =>
  v.pipe(
    v.number(),
    v.check((x) => x >= min && x <= max, range),
  );
const integer = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  v.pipe(
    v.number(),
    v.check(
      (x) => Number.isSafeInteger(x) && x >= min && x <= max,
      max === Number.MAX_SAFE_INTEGER ? `an integer of ${min} or more` : `an integer from ${min} to ${max}`,
    ),
  );
/** An integer for which other servers accept −1 as "the default". */
const integerOrDefault = (min: number, max?: number) =>
  v.pipe(
    v.union(
      [
        v.pipe(
          v.literal(-1),
          v.transform(() => undefined),
        ),
        integer(min, max),
      ],
      `an integer of ${min} or more`,
    ),
  );
const text = v.string();
const flag = v.boolean();

/** Fields of both kinds of request. */
const common = {
  model: optional(text),
  temperature: optional(number(0, 2, 'a number from 0 to 2')),
  top_p: optional(number(Number.MIN_VALUE, 1, 'a number above 0 and at most 1')),
  top_k: optional(integerOrDefault(0)),
  min_p: optional(number(0, 1, 'a number from 0 to 1')),
  repetition_penalty: optional(number(Number.MIN_VALUE, Number.MAX_VALUE, 'a number above 0')),
  frequency_penalty: optional(number(-2, 2, 'a number from -2 to 2')),
  presence_penalty: optional(number(-2, 2, 'a number from -2 to 2')),
  logit_bias: optional(v.record(text, number(-100, 100, 'a number from -100 to 100'))),
  seed: optional(integerOrDefault(0, Number.MAX_SAFE_INTEGER - 1000)),
  n: optional(integer(1)),
  max_tokens: optional(integerOrDefault(0)),
  stop: optional(v.union([text, v.array(text)], 'a text or a list of texts')),
  stream: optional(flag),
  stream_options: optional(
    v.strictObject({ include_usage: optional(flag), include_obfuscation: optional(flag) }),
  ),
  // These do not change the answers of this server.
  user: optional(text),
  safety_identifier: optional(text),
  prompt_cache_key: optional(text),
  metadata: optional(v.record(text, text)),
  store: optional(v.literal(false)),
  service_tier: optional(v.picklist(['auto', 'default'])),
  ignore_eos: optional(flag),
  ...formFields,
  state: optional(text),
  return_state: optional(flag),
  session: optional(text),
};

const completionFields = v.strictObject({
  ...common,
  prompt: optional(textsOrIds),
  logprobs: optional(integer(0, 20)),
  echo: optional(flag),
  allow_special: optional(flag),
  best_of: optional(integer(1)),
});

/** A field of an answer that clients send back in the history; here it must be empty. */
const empty = optional(v.pipe(v.unknown(), v.check(meansNothing, 'nothing')));
const part = v.strictObject({ type: v.literal('text'), text });
const toolCall = v.strictObject({
  id: optional(text),
  index: optional(integer(0)),
  type: optional(v.literal('function')),
  function: v.strictObject({ name: text, arguments: text }),
});
const messageFields = v.strictObject({
  role: v.picklist(['system', 'developer', 'user', 'assistant', 'tool']),
  content: optional(v.union([text, v.array(part)], 'a text, or a list of {"type": "text", "text": …}')),
  type: optional(v.literal('text')), // lm-evaluation-harness sends it
  name: optional(text),
  tool_calls: optional(v.array(toolCall)),
  tool_call_id: optional(text),
  ...{ refusal: empty, annotations: empty, function_call: empty, audio: empty },
  ...{ parsed: empty, reasoning: empty, reasoning_content: empty, reasoning_details: empty },
});

const message = v.pipe(
  messageFields,
  v.check(
    ({ role, content }) => role === 'assistant' || (content ?? null) !== null,
    'a message with content',
  ),
);

export const messagesField = v.pipe(
  v.array(message),
  v.check((list) => list.length > 0, 'at least one message'),
);

const tool = v.strictObject({
  type: v.literal('function'),
  function: v.strictObject({
    name: text,
    description: optional(text),
    parameters: optional(v.record(text, v.unknown())),
    strict: optional(flag),
  }),
});
export const toolsField = v.array(tool);
const toolChoice = v.union(
  [
    v.picklist(['none', 'auto', 'required']),
    v.strictObject({ type: v.literal('function'), function: v.strictObject({ name: text }) }),
  ],
  'none, auto, required or {"type": "function", "function": {"name": …}}',
);

const chatFields = v.strictObject({
  ...common,
  messages: messagesField,
  max_completion_tokens: optional(integerOrDefault(0)),
  logprobs: optional(flag),
  top_logprobs: optional(integer(0, 20)),
  modalities: optional(v.tuple([v.literal('text')])),
  parallel_tool_calls: optional(flag),
  tools: optional(toolsField),
  tool_choice: optional(toolChoice),
});

export type CompletionFields = v.InferOutput<typeof completionFields>;
export type ChatFields = v.InferOutput<typeof chatFields>;

/** Meaningful fields of OpenAI's API that this server does not support. */
const unsupported = new Set(
  'suffix functions function_call audio prediction reasoning_effort verbosity web_search_options'.split(' '),
);

export function completionFieldsOf(body: unknown): CompletionFields {
  const fields = checkFields(completionFields, body);
  const { best_of, n } = fields;
  if (typeof best_of === 'number' && best_of !== (n ?? 1))
    throw new ApiError(
      400,
      `best_of: found ${best_of}, expected the same as n; this server does not rank choices`,
      {
        param: 'best_of',
      },
    );
  return fields;
}

export function chatFieldsOf(body: unknown): ChatFields {
  return checkFields(chatFields, body);
}

/** @throws ApiError naming the first field that is wrong */
export function checkFields<S extends v.GenericSchema>(schema: S, body: unknown): v.InferOutput<S> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new ApiError(400, `body: found ${show(body)}, expected a JSON object`);
  // A field that asks for nothing is accepted, even if this server does not support it.
  const used = Object.entries(body).filter(
    ([name, value]) => !(unsupported.has(name) && asksNothing(name, value)),
  );
  const result = v.safeParse(schema, Object.fromEntries(used), { abortEarly: true });
  if (result.success) return result.output;
  throw refusal(result.issues[0]);
}

/** An empty object of options asks for a web search with default options. */
function asksNothing(name: string, value: unknown): boolean {
  if (name === 'web_search_options') return value === null || value === false;
  return meansNothing(value) || value === (name === 'reasoning_effort' ? 'none' : null);
}

/** Whether a field asks for nothing: null, false, and empty texts, lists and objects. */
function meansNothing(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === null || value === undefined || value === false || value === '';
}

function refusal(issue: v.BaseIssue<unknown>): ApiError {
  const param = (issue.path ?? []).map(({ key }, depth) => pathPart(key, depth)).join('');
  if (unsupported.has(param))
    return new ApiError(400, `${param}: this server does not support it; leave it out`, {
      param,
      code: 'unsupported_parameter',
    });
  if (issue.type === 'strict_object' && issue.expected === 'never')
    return new ApiError(400, `${param}: no such field`, { param, code: 'unknown_parameter' });
  if (issue.input === undefined)
    return new ApiError(400, `${param}: found none, expected one`, {
      param,
      code: 'missing_required_parameter',
    });
  const expected =
    issue.kind === 'schema' && issue.type !== 'union' && issue.type !== 'custom'
      ? (issue.expected ?? issue.message)
      : issue.message;
  return new ApiError(400, `${param}: found ${show(issue.input)}, expected ${expected}`, { param });
}

function pathPart(key: unknown, depth: number): string {
  if (typeof key === 'number') return `[${key}]`;
  return `${depth > 0 ? '.' : ''}${String(key).slice(0, 60)}`;
}

function show(value: unknown): string {
  const json = typeof value === 'object' ? shape(value) : (JSON.stringify(value) ?? String(value));
  return json.length > 60 ? `${json.slice(0, 57)}…` : json;
}

/** The value may be nested deeper than the stack allows. */
function shape(value: object | null): string {
  return value === null ? 'null' : Array.isArray(value) ? `a list of ${value.length}` : 'an object';
}

/** How tokens are chosen, and when an answer ends. */
export function choiceOptionsOf(
  fields: CompletionFields | ChatFields,
  given: Pick<ChoiceOptions, 'maxTokens' | 'logprobs' | 'form'> & { readonly vocabulary: number },
): ChoiceOptions {
  const stop = fields.stop ?? [];
  const stops = typeof stop === 'string' ? [stop] : stop;
  if (stops.length > 16 || stops.some((one) => one === '' || one.length > 1000))
    throw new ApiError(400, 'stop: expected at most 16 texts of 1 to 1000 characters', { param: 'stop' });
  return {
    sampling: {
      temperature: fields.temperature ?? 1,
      topP: fields.top_p ?? 1,
      topK: fields.top_k ?? 0,
      minP: fields.min_p ?? 0,
      repetitionPenalty: fields.repetition_penalty ?? 1,
    },
    maxTokens: given.maxTokens,
    stop: stops,
    stopAtEos: fields.ignore_eos !== true,
    seed: fields.seed ?? undefined,
    frequencyPenalty: fields.frequency_penalty ?? 0,
    presencePenalty: fields.presence_penalty ?? 0,
    logitBias: biases(fields.logit_bias ?? {}, given.vocabulary),
    logprobs: given.logprobs,
    form: given.form,
  };
}

function biases(given: Readonly<Record<string, number>>, vocabulary: number): Map<number, number> {
  const found = new Map<number, number>();
  for (const [name, bias] of Object.entries(given)) {
    const id = /^\d{1,9}$/.test(name) ? Number(name) : -1;
    if (id < 0 || id >= vocabulary)
      throw new ApiError(
        400,
        `logit_bias: found ${show(name)}, expected token ids from 0 to ${vocabulary - 1}`,
        {
          param: 'logit_bias',
        },
      );
    found.set(id, bias);
  }
  return found;
}
