/** Strings and numbers of JSON schemas. */
import { InputError } from '../../errors.ts';
import { type Expression, nothing, repeat, rule } from './grammar.ts';
import { numbersBetween } from './jsonNumbers.ts';
import { jsonCharacter, quoted } from './jsonText.ts';
import type { Schema } from './mergeSchemas.ts';
import { regularExpression } from './regularExpression.ts';
import { countIn, kindOf, numberIn } from './schemaValues.ts';

const day =
  '(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))';
const time = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,6})?(?:Z|[+-](?:0\\d|1[0-3]):[0-5]\\d)';
const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const hostname = '[a-z](?:[a-z0-9-]{0,20}[a-z0-9])?(?:\\.[a-z](?:[a-z0-9-]{0,20}[a-z0-9])?){0,3}';
/** Each writes a part of what the format allows: no 29th of February, no leap second. */
const formats: Readonly<Record<string, string>> = {
  date: `[12]\\d{3}-${day}`,
  time,
  'date-time': `[12]\\d{3}-${day}T${time}`,
  uuid: '[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}',
  email: `[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?@${hostname}\\.[a-z]{2,10}`,
  hostname,
  ipv4: `${octet}(?:\\.${octet}){3}`,
  uri: `https?://${hostname}(?:/[a-zA-Z0-9_-]{1,30}){0,5}`,
};

export function stringSchema(schema: Schema, where: string): Expression {
  const { pattern, format } = schema;
  const min = countIn(schema, 'minLength', 0, where);
  const max = countIn(schema, 'maxLength', Number.POSITIVE_INFINITY, where);
  if (pattern === undefined && format === undefined)
    return min > max ? nothing : quoted(repeat(rule('json character'), min, max));
  const several = [pattern, format, schema.minLength, schema.maxLength].filter(
    (value) => value !== undefined,
  );
  if (several.length > 1)
    throw new InputError(
      `${where}: found several of pattern, format and lengths; one of them is supported at a time`,
    );
  if (format !== undefined) {
    const known = typeof format === 'string' && Object.hasOwn(formats, format) ? formats[format] : undefined;
    if (known === undefined)
      throw new InputError(
        `${where}.format: found ${kindOf(format)}, expected ${Object.keys(formats).join(', ')}`,
      );
    return quoted(regularExpression(known, { character: jsonCharacter, isSearch: false }));
  }
  if (typeof pattern !== 'string')
    throw new InputError(`${where}.pattern: found ${kindOf(pattern)}, expected a text`);
  try {
    return quoted(regularExpression(pattern, { character: jsonCharacter, isSearch: true }));
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${where}.pattern: ${error.message}`) : error;
  }
}

export function numberSchema(schema: Schema, integer: boolean, where: string): Expression {
  if (schema.multipleOf !== undefined && !(integer && schema.multipleOf === 1))
    throw new InputError(`${where}.multipleOf: it is not supported; leave it out`);
  const lowest = numberIn(schema, 'minimum', Number.NEGATIVE_INFINITY, where);
  const highest = numberIn(schema, 'maximum', Number.POSITIVE_INFINITY, where);
  const above = numberIn(schema, 'exclusiveMinimum', Number.NEGATIVE_INFINITY, where);
  const below = numberIn(schema, 'exclusiveMaximum', Number.POSITIVE_INFINITY, where);
  const bounds = {
    ...{ min: Math.max(lowest, above), max: Math.min(highest, below) },
    ...{ exclusiveMin: above >= lowest, exclusiveMax: below <= highest },
  };
  return bounds.min > bounds.max ? nothing : numbersBetween(bounds, integer);
}
