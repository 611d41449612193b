/** The forms that an answer can be asked to have. */
import { InputError } from '../../errors.ts';
import { isObject } from '../../text/tokenizerJson.ts';
import { automatonOf } from './automaton.ts';
import { ebnf } from './ebnf.ts';
import { character, choice, type Grammar, literal } from './grammar.ts';
import { jsonSchema } from './jsonSchema.ts';
import { jsonRules } from './jsonText.ts';
import { Machine } from './machine.ts';
import { Constraint } from './matcher.ts';
import { regularExpression } from './regularExpression.ts';
import type { ConstraintTokenizer } from './tokenTrie.ts';

/** Text of any form; JSON; a regular expression that the whole answer matches; a grammar as GBNF; one of several texts. */
export type ResponseFormat =
  | { readonly type: 'text' }
  /** Without a schema, any object. A schema is an object, or true for any value. */
  | { readonly type: 'json'; readonly schema?: object | boolean | undefined }
  | { readonly regex: string }
  | { readonly grammar: string }
  | { readonly choice: readonly string[] };

/** Characters of a regular expression or a grammar. */
const maxText = 65_536;
const maxChoices = 1000;

/**
 * @returns undefined for text of any form
 * @throws InputError naming what is wrong, not supported, too large, or cannot be met
 */
export function constraintOf(format: ResponseFormat, tokenizer: ConstraintTokenizer): Constraint | undefined {
  if (!isObject(format)) throw new InputError(`responseFormat: found ${typeof format}, expected an object`);
  if ('type' in format && format.type === 'text') return undefined;
  try {
    return new Constraint(new Machine(automatonOf(grammarOf(format))), tokenizer);
  } catch (error) {
    if (error instanceof InputError && !error.message.startsWith('responseFormat'))
      throw new InputError(`responseFormat: ${error.message}`, { cause: error });
    throw error;
  }
}

function grammarOf(format: ResponseFormat): Grammar {
  if ('regex' in format) {
    const root = regularExpression(textIn(format, 'regex'), { character, isSearch: false });
    return { root: 'root', rules: new Map([['root', root]]) };
  }
  if ('grammar' in format) return ebnf(textIn(format, 'grammar'));
  if ('choice' in format)
    return { root: 'root', rules: new Map([['root', choice(choicesOf(format).map(literal))]]) };
  if (format.type !== 'json')
    throw new InputError('expected {type: "json", schema}, {regex}, {grammar}, {choice} or {type: "text"}');
  return format.schema === undefined ? { root: 'json object', rules: jsonRules } : jsonSchema(format.schema);
}

function choicesOf({ choice: texts }: { readonly choice: readonly string[] }): readonly string[] {
  const isList = Array.isArray(texts) && texts.length > 0 && texts.length <= maxChoices;
  if (isList && texts.every((text) => typeof text === 'string' && text !== '')) return texts;
  throw new InputError(`choice: expected 1 to ${maxChoices} texts, none empty`);
}

function textIn<K extends string>(format: Readonly<Record<K, unknown>>, key: K): string {
  const text = format[key];
  if (typeof text === 'string' && text.length <= maxText) return text;
  throw new InputError(`${key}: expected a text of at most ${maxText} characters`);
}
