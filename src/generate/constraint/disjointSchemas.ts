/** Whether schemas leave no value that meets two of them, as `oneOf` demands. */
import { InputError } from '../../errors.ts';
import { isObject } from '../../text/tokenizerJson.ts';
import type { Schema } from './mergeSchemas.ts';

/** @throws InputError if it is not plain to see, from types and constants, that they differ */
export function checkDisjoint(schemas: readonly Schema[], where: string): void {
  if (schemas.every((one, at) => schemas.slice(at + 1).every((other) => areDisjoint(one, other)))) return;
  throw new InputError(
    `${where}.oneOf: found schemas that one value could meet together; use anyOf, or give them types or constants that differ`,
  );
}

function areDisjoint(a: Schema, b: Schema): boolean {
  const [constantsA, constantsB] = [constantsOf(a), constantsOf(b)];
  if (constantsA && constantsB) return !constantsA.some((one) => constantsB.includes(one));
  const [typesA, typesB] = [typesOf(a), typesOf(b)];
  if (typesA && typesB && !typesA.some((type) => typesB.includes(type))) return true;
  const isObjects = [typesA, typesB].every((types) => types?.length === 1 && types[0] === 'object');
  return isObjects && haveTellingProperty(a, b);
}

/** A property that both require and that no value can have in both, such as the `kind` of a tagged union. */
function haveTellingProperty(a: Schema, b: Schema): boolean {
  const required = (schema: Schema) => (Array.isArray(schema.required) ? schema.required : []);
  return required(a).some((name: string) => {
    if (!required(b).includes(name)) return false;
    const [one, other] = [a, b].map(({ properties }) =>
      isObject(properties) ? properties[name] : undefined,
    );
    return isObject(one) && isObject(other) && areDisjoint(one, other);
  });
}

function constantsOf(schema: Schema): string[] | undefined {
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  return Array.isArray(schema.enum) ? schema.enum.map((value) => JSON.stringify(value)) : undefined;
}

/** Integers are numbers. */
function typesOf({ type }: Schema): unknown[] | undefined {
  return type === undefined ? undefined : [type].flat().map((one) => (one === 'integer' ? 'number' : one));
}
