/** Forms of answers that requests ask for, in OpenAI's fields and in vLLM's. Lately used ones are kept ready. */
import { LRUCache } from 'lru-cache';
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import type { Constraint } from '../generate/constraint/matcher.ts';
import { constraintOf, type ResponseFormat } from '../generate/constraint/responseFormat.ts';
import { type RequiredCalls, requiredCalls } from '../generate/tools/toolGrammar.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import { ApiError } from './apiError.ts';

const schema = v.union([v.record(v.string(), v.unknown()), v.boolean()], 'a JSON schema');
const text = v.string();

/** `response_format`, and vLLM's names for the same and for other forms. */
export const formFields = {
  response_format: v.nullish(
    v.variant('type', [
      v.strictObject({ type: v.literal('text') }),
      v.strictObject({ type: v.literal('json_object'), schema: v.nullish(schema) }),
      v.strictObject({
        type: v.literal('json_schema'),
        json_schema: v.strictObject({
          name: v.nullish(text),
          description: v.nullish(text),
          schema: v.nullish(schema),
          strict: v.nullish(v.boolean()),
        }),
      }),
    ]),
  ),
  guided_json: v.nullish(v.union([schema, text], 'a JSON schema')),
  guided_regex: v.nullish(text),
  guided_grammar: v.nullish(text),
  guided_choice: v.nullish(v.array(text)),
};

type FormFields = v.InferOutput<v.ObjectSchema<typeof formFields, undefined>>;

/** Forms that are kept. Each may hold some megabytes. */
const maxForms = 16;

export class Forms {
  readonly #tokenizer: TextTokenizer;
  readonly #known = new LRUCache<string, Constraint>({ max: maxForms });

  constructor(tokenizer: TextTokenizer) {
    this.#tokenizer = tokenizer;
  }

  /**
   * The form that a request asks for; undefined: any.
   * @throws ApiError naming the field, if there are several forms, or one is wrong, too large or cannot be met
   */
  of(fields: FormFields): Constraint | undefined {
    const asked = askedForms(fields);
    if (asked.length > 1)
      throw new ApiError(400, `${asked[1]![0]}: found ${asked[0]![0]} too, expected one of them`, {
        param: asked[1]![0],
      });
    return asked[0] && this.get(asked[0][1], asked[0][0]);
  }

  /** @param field for messages */
  get(format: ResponseFormat, field: string): Constraint {
    return this.#kept(JSON.stringify(format), field, () => constraintOf(format, this.#tokenizer)!);
  }

  /** The form of answers that call a tool. */
  calls(calls: RequiredCalls): Constraint {
    return this.#kept(`calls ${JSON.stringify(calls)}`, 'tools', () => requiredCalls(calls, this.#tokenizer));
  }

  #kept(key: string, field: string, compile: () => Constraint): Constraint {
    const known = this.#known.get(key);
    if (known) return known;
    try {
      const form = compile();
      this.#known.set(key, form);
      return form;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new ApiError(400, error.message.replace(/^responseFormat/, field), { param: field });
    }
  }
}

function askedForms(fields: FormFields): [field: string, format: ResponseFormat][] {
  const { response_format, guided_json, guided_regex, guided_grammar, guided_choice } = fields;
  const asked: [string, ResponseFormat][] = [];
  if (response_format?.type === 'json_object')
    asked.push(['response_format', { type: 'json', schema: response_format.schema ?? undefined }]);
  if (response_format?.type === 'json_schema')
    asked.push([
      'response_format',
      { type: 'json', schema: response_format.json_schema.schema ?? undefined },
    ]);
  if (typeof guided_json === 'string')
    asked.push(['guided_json', { type: 'json', schema: parsed(guided_json) }]);
  else if (guided_json !== undefined && guided_json !== null)
    asked.push(['guided_json', { type: 'json', schema: guided_json }]);
  if (typeof guided_regex === 'string') asked.push(['guided_regex', { regex: guided_regex }]);
  if (typeof guided_grammar === 'string') asked.push(['guided_grammar', { grammar: guided_grammar }]);
  if (guided_choice) asked.push(['guided_choice', { choice: guided_choice }]);
  return asked;
}

function parsed(json: string): object {
  try {
    return JSON.parse(json) as object;
  } catch {
    throw new ApiError(400, 'guided_json: found a text that is not JSON, expected a schema', {
      param: 'guided_json',
    });
  }
}
