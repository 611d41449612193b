/** Two JSON schemas as one that asks for both. */
import { InputError } from '../../errors.ts';
import { isObject } from '../../text/tokenizerJson.ts';

export type Schema = Readonly<Record<string, unknown>>;

/** Keywords that describe and ask for nothing. */
export const annotations = new Set(
  (
    'title description default example examples $schema $id $comment $defs definitions $anchor deprecated readOnly ' +
    'writeOnly contentEncoding contentMediaType strict'
  ).split(' '),
);

const combine: Readonly<Record<string, (a: never, b: never) => unknown>> = {
  required: (a: string[], b: string[]) => [...new Set([...a, ...b])],
  minimum: Math.max,
  exclusiveMinimum: Math.max,
  minLength: Math.max,
  minItems: Math.max,
  maximum: Math.min,
  exclusiveMaximum: Math.min,
  maxLength: Math.min,
  maxItems: Math.min,
  enum: (a: unknown[], b: unknown[]) => a.filter((one) => b.some((other) => same(one, other))),
  type: (a: string | string[], b: string | string[]) => commonTypes([a].flat(), [b].flat()),
};

/** @throws InputError if they ask for things that are not put together here, naming the keyword */
export function mergeSchemas(a: Schema, b: Schema, where: string): Schema {
  checkAdditional(a, b, where);
  checkAdditional(b, a, where);
  const merged: Record<string, unknown> = { ...a };
  for (const [keyword, value] of Object.entries(b)) {
    const own = merged[keyword];
    if (own === undefined || annotations.has(keyword) || same(own, value)) merged[keyword] = value;
    else if (keyword === 'properties') merged[keyword] = mergeProperties(own, value, where);
    else if (combine[keyword]) merged[keyword] = combine[keyword](own as never, value as never);
    else
      throw new InputError(
        `${where}: found two values of "${keyword}" that apply at once, which is not supported`,
      );
  }
  return merged;
}

function mergeProperties(a: unknown, b: unknown, where: string): Schema {
  const merged = Object.assign(Object.create(null), a) as Record<string, unknown>;
  for (const [name, schema] of Object.entries(b as Schema)) {
    const own = merged[name];
    merged[name] =
      isObject(own) && isObject(schema) ? mergeSchemas(own, schema, `${where}.${name}`) : (own ?? schema);
    if (own === false || schema === false) merged[name] = false;
  }
  return merged;
}

/** `additionalProperties` speaks of the properties beside it only. */
function checkAdditional(a: Schema, b: Schema, where: string): void {
  const { additionalProperties } = a;
  if (additionalProperties === undefined || additionalProperties === true || !isObject(b.properties)) return;
  const own = isObject(a.properties) ? a.properties : {};
  if (Object.keys(b.properties).some((name) => !Object.hasOwn(own, name)))
    throw new InputError(
      `${where}: found "additionalProperties" beside properties of another schema, which is not supported`,
    );
}

function commonTypes(a: readonly string[], b: readonly string[]): string[] {
  const types = a.filter((type) => b.includes(type) || (type === 'integer' && b.includes('number')));
  return a.includes('number') && b.includes('integer') && !types.includes('integer')
    ? [...types, 'integer']
    : types;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
