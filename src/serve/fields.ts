/**
 * The fields of requests: types and ranges. Unknown and unsupported fields are rejected by name, because ignoring them
 * would mislead the client.
 */
import * as v from 'valibot';
import { ApiError } from './apiError.ts';
import type { ChoiceOptions } from './choice.ts';

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
const text = v.string();
const flag = v.boolean();

/** Fields of both kinds of request. */
const common = {
  model: optional(text),
  temperature: optional(number(0, 2, 'a number from 0 to 2')),
  top_p: optional(number(Number.MIN_VALUE, 1, 'a number above 0 and at most 1')),
  top_k: optional(integer(0)),
  min_p: optional(number(0, 1, 'a number from 0 to 1')),
  repetition_penalty: optional(number(Number.MIN_VALUE, Number.MAX_VALUE, 'a number above 0')),
  frequency_penalty: optional(number(-2, 2, 'a number from -2 to 2')),
  presence_penalty: optional(number(-2, 2, 'a number from -2 to 2')),
  logit_bias: optional(v.record(text, number(-100, 100, 'a number from -100 to 100'))),
  seed: optional(integer(0, Number.MAX_SAFE_INTEGER - 1000)),
  n: optional(integer(1)),
  max_tokens: optional(integer(0)),
  stop: optional(v.union([text, v.array(text)], 'a text or a list of texts')),
  stream: optional(flag),
  stream_options: optional(
    v.strictObject({ include_usage: optional(flag), include_obfuscation: optional(flag) }),
  ),
  // These change nothing about an answer of this server.
  user: optional(text),
  safety_identifier: optional(text),
  prompt_cache_key: optional(text),
  metadata: optional(v.record(text, text)),
  store: optional(v.literal(false)),
  service_tier: optional(v.picklist(['auto', 'default'])),
  ignore_eos: optional(flag),
  state: optional(text),
  return_state: optional(flag),
  session: optional(text),
};

const tokenIds = v.array(integer(0));
const prompt = v.union(
  [text, tokenIds, v.array(text), v.array(tokenIds)],
  'a text, a list of token ids, or a list of either',
);

const completionFields = v.strictObject({
  ...common,
  prompt: optional(prompt),
  logprobs: optional(integer(0, 20)),
  echo: optional(flag),
  allow_special: optional(flag),
  best_of: optional(integer(1)),
});

const empty = v.pipe(
  v.array(v.unknown()),
  v.check((list) => list.length === 0, 'an empty list'),
);
const part = v.strictObject({ type: v.literal('text'), text });
const message = v.strictObject({
  role: v.picklist(['system', 'developer', 'user', 'assistant']),
  content: v.union([text, v.array(part)], 'a text, or a list of {"type": "text", "text": …}'),
  // lm-evaluation-harness sends a type; the rest comes from answers that clients send back, and is empty there.
  type: optional(v.literal('text')),
  name: optional(text),
  refusal: optional(v.literal('')),
  annotations: optional(empty),
  tool_calls: optional(empty),
  function_call: optional(v.never()),
  audio: optional(v.never()),
  parsed: optional(v.never()),
});

const chatFields = v.strictObject({
  ...common,
  messages: v.pipe(
    v.array(message),
    v.check((list) => list.length > 0, 'at least one message'),
  ),
  max_completion_tokens: optional(integer(0)),
  logprobs: optional(flag),
  top_logprobs: optional(integer(0, 20)),
  response_format: optional(v.strictObject({ type: v.literal('text') })),
  modalities: optional(v.tuple([v.literal('text')])),
  parallel_tool_calls: optional(flag),
});

export type CompletionFields = v.InferOutput<typeof completionFields>;
export type ChatFields = v.InferOutput<typeof chatFields>;

/** Fields of OpenAI's that mean something, which this server cannot do. */
const unsupported = new Set(
  'suffix tools tool_choice functions function_call audio prediction reasoning_effort verbosity web_search_options'.split(
    ' ',
  ),
);

export function completionFieldsOf(body: unknown): CompletionFields {
  const fields = check(completionFields, body);
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
  return check(chatFields, body);
}

function check<S extends v.GenericSchema>(schema: S, body: unknown): v.InferOutput<S> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new ApiError(400, `body: found ${show(body)}, expected a JSON object`);
  // Null means that a field is not used, also one that this server does not have.
  const used = Object.entries(body).filter(
    ([name, value]) => !(unsupported.has(name) && meansNothing(value)),
  );
  const result = v.safeParse(schema, Object.fromEntries(used), { abortEarly: true });
  if (result.success) return result.output;
  throw refusal(result.issues[0]);
}

function meansNothing(value: unknown): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
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
    issue.kind === 'schema' && issue.type !== 'union' ? (issue.expected ?? issue.message) : issue.message;
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
  given: { readonly maxTokens: number; readonly logprobs: number | undefined; readonly vocabulary: number },
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
