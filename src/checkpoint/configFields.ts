/** Kinds of fields of a `config.json`, with messages that say what was expected. */
import * as v from 'valibot';
import { InputError } from '../errors.ts';
import { type JsonObject, show } from '../json.ts';

export const integer = (min: number, max: number) =>
  v.pipe(
    v.number(`expected an integer from ${min} to ${max}`),
    v.check((n) => Number.isInteger(n) && n >= min && n <= max, `expected an integer from ${min} to ${max}`),
  );

export const positive = (max: number) =>
  v.pipe(
    v.number(`expected a number above 0, at most ${max}`),
    v.check((n) => n > 0 && n <= max, `expected a number above 0, at most ${max}`),
  );

export const only = <const T extends string | number | boolean>(...values: T[]) =>
  v.custom<T>(
    (value) => (values as unknown[]).includes(value),
    `not supported; expected ${values.map(show).join(' or ')}`,
  );

/** This project's own fields: matrices and scores other than a model of this type has them. */
export const plusminusWeights = v.optional(only('float'));
export const plusminusScores = v.optional(only('ternary'));

export const flag = v.boolean('expected true or false');
const tokenId = integer(0, 2 ** 31 - 1);

export const beginningToken = v.nullable(tokenId);

export const endToken = v.nullable(
  v.union([tokenId, v.array(tokenId)], 'expected a token id, a list of them or null'),
);

/**
 * The fields that `schema` names, checked.
 * @throws InputError naming the field, what was found and what was expected
 */
export function parseFields<T extends v.GenericSchema>(
  schema: T,
  fields: JsonObject,
  where: string,
): v.InferOutput<T> {
  const result = v.safeParse(schema, fields);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = issue.path?.map(({ key }) => String(key)) ?? [];
  const found = path.reduce<unknown>((value, key) => (value as JsonObject | undefined)?.[key], fields);
  const reason = found === undefined ? 'expected it to be given' : issue.message;
  throw new InputError(`${where}: ${path.join('.')}: found ${show(found)}, ${reason}`);
}
