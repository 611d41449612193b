/**
 * JSON schemas as grammars. Properties come in the order of the schema. What a grammar does not express is refused by
 * name, because an answer that ignores it would mislead; a few things are narrower than the schema: properties that it
 * does not name come only if `additionalProperties` asks for them or it names none.
 */
import { InputError } from '../../errors.ts';
import { isObject } from '../../text/tokenizerJson.ts';
import { checkDisjoint } from './disjointSchemas.ts';
import {
  choice,
  type Expression,
  type Grammar,
  literal,
  nothing,
  optional,
  rule,
  sequence,
} from './grammar.ts';
import { jsonLiteral, jsonRules, listOf, stringExcept } from './jsonText.ts';
import { annotations, mergeSchemas, type Schema } from './mergeSchemas.ts';
import { numberSchema, stringSchema } from './scalarSchemas.ts';
import { countIn, kindOf, listIn } from './schemaValues.ts';

/** Schemas within one another, and all together. */
const maxDepth = 64;
const maxSchemas = 2000;

const typeNames = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'];
/** Which keywords belong to which type. */
const keywordsOf: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
};
const supported = new Set([
  ...['type', 'enum', 'const', 'anyOf', 'oneOf', 'allOf', '$ref'],
  ...Object.values(keywordsOf).flat(),
]);

/** @throws InputError naming the place and the keyword that is wrong or not supported */
export function jsonSchema(schema: unknown): Grammar {
  return new Compiler(schema).grammar();
}

class Compiler {
  readonly #root: unknown;
  readonly #rules = new Map<string, Expression>(jsonRules);
  #count = 0;

  constructor(root: unknown) {
    this.#root = root;
  }

  grammar(): Grammar {
    const root = this.#rule('root', this.#root, 'schema', 0);
    this.#rules.set('', root);
    return { root: '', rules: this.#rules };
  }

  /** A rule of its own, so that a schema that refers to itself ends. */
  #rule(name: string, schema: unknown, where: string, depth: number): Expression {
    if (!this.#rules.has(name)) {
      this.#rules.set(name, nothing);
      this.#rules.set(name, this.#schema(schema, where, depth));
    }
    return rule(name);
  }

  #schema(schema: unknown, where: string, depth: number): Expression {
    if (depth > maxDepth) throw new InputError(`${where}: schemas are nested more than ${maxDepth} deep`);
    if (++this.#count > maxSchemas) throw new InputError(`schema: found more than ${maxSchemas} schemas`);
    if (schema === true) return rule('json value');
    if (schema === false) return nothing;
    if (!isObject(schema)) throw new InputError(`${where}: found ${kindOf(schema)}, expected a schema`);
    checkKeywords(schema, where);
    for (const combine of [this.#reference, this.#all, this.#any]) {
      const found = combine.call(this, schema, where, depth);
      if (found) return found;
    }
    return this.#plain(schema, where, depth);
  }

  #reference(schema: Schema, where: string, depth: number): Expression | undefined {
    const { $ref, ...rest } = schema;
    if ($ref === undefined) return undefined;
    const target = this.#resolve($ref, where);
    if (Object.keys(rest).every((keyword) => annotations.has(keyword)))
      return this.#rule(`$ref ${$ref}`, target, `${$ref}`, depth + 1);
    if (!isObject(target))
      throw new InputError(`${where}.$ref: found keywords beside a reference to ${target}`);
    return this.#schema(mergeSchemas(rest, target, where), where, depth + 1);
  }

  /** @returns the schema that a pointer such as `#/$defs/name` names */
  #resolve(reference: unknown, where: string): unknown {
    if (typeof reference !== 'string' || !/^#(\/|$)/.test(reference))
      throw new InputError(
        `${where}.$ref: found ${kindOf(reference)}, expected a reference within the schema: "#/…"`,
      );
    let target: unknown = this.#root;
    for (const part of reference.split('/').slice(1)) {
      const name = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~');
      const isThere = typeof target === 'object' && target !== null && Object.hasOwn(target, name);
      if (!isThere) throw new InputError(`${where}.$ref: found no "${reference.slice(0, 60)}" in the schema`);
      target = (target as Schema)[name];
    }
    return target;
  }

  #all(schema: Schema, where: string, depth: number): Expression | undefined {
    const { allOf, ...rest } = schema;
    if (allOf === undefined) return undefined;
    let merged: Schema = rest;
    for (const [index, part] of listIn(allOf, `${where}.allOf`).entries()) {
      if (part === true) continue;
      if (part === false) return nothing;
      merged = mergeSchemas(merged, this.#withoutReference(part, `${where}.allOf[${index}]`), where);
    }
    return this.#schema(merged, where, depth + 1);
  }

  #withoutReference(schema: unknown, where: string): Schema {
    let found = schema;
    for (let steps = 0; isObject(found) && found.$ref !== undefined; steps++) {
      if (steps > maxDepth) throw new InputError(`${where}: found references that lead in a circle`);
      const { $ref, ...rest } = found;
      const target = this.#resolve($ref, where);
      found = isObject(target) ? mergeSchemas(rest, target, where) : target;
    }
    if (!isObject(found)) throw new InputError(`${where}: found ${kindOf(found)}, expected a schema`);
    return found;
  }

  #any(schema: Schema, where: string, depth: number): Expression | undefined {
    const keyword = schema.anyOf === undefined ? 'oneOf' : 'anyOf';
    const { [keyword]: given, ...rest } = schema;
    if (given === undefined) return undefined;
    const options = listIn(given, `${where}.${keyword}`).filter((option) => option !== false);
    const at = (index: number) => `${where}.${keyword}[${index}]`;
    if (keyword === 'oneOf') {
      const alone = options.map((option, index) =>
        option === true ? rest : mergeSchemas(rest, this.#withoutReference(option, at(index)), where),
      );
      checkDisjoint(alone, where);
    }
    const restIsEmpty = Object.keys(rest).every((name) => annotations.has(name));
    return choice(
      options.map((option, index) => {
        const whole = restIsEmpty ? option : mergeSchemas(rest, isObject(option) ? option : {}, where);
        return this.#schema(whole, at(index), depth + 1);
      }),
    );
  }

  #plain(schema: Schema, where: string, depth: number): Expression {
    const types = typesOf(schema, where);
    if (schema.const !== undefined || schema.enum !== undefined) return constants(schema, types, where);
    return choice(types.map((type) => this.#ofType(type, schema, where, depth)));
  }

  #ofType(type: string, schema: Schema, where: string, depth: number): Expression {
    if (type === 'object') return this.#object(schema, where, depth);
    if (type === 'array') return this.#array(schema, where, depth);
    if (type === 'string') return stringSchema(schema, where);
    if (type === 'boolean') return choice([literal('true'), literal('false')]);
    if (type === 'null') return literal('null');
    return numberSchema(schema, type === 'integer', where);
  }

  #array(schema: Schema, where: string, depth: number): Expression {
    const { items = true, prefixItems = [] } = schema;
    if (Array.isArray(items))
      throw new InputError(`${where}.items: found a list, expected a schema; use prefixItems`);
    const first = listIn(prefixItems, `${where}.prefixItems`, true);
    const min = countIn(schema, 'minItems', 0, where);
    const max = countIn(schema, 'maxItems', Number.POSITIVE_INFINITY, where);
    if (min > max) return nothing;
    const itemRule = () => this.#own(items, `${where}.items`, depth);
    if (first.length === 0) {
      if (items === false) return min > 0 ? nothing : literal('[]');
      return sequence([literal('['), listOf(max === 0 ? nothing : itemRule(), min, max), literal(']')]);
    }
    const parts = first.map((one, index) => this.#own(one, `${where}.prefixItems[${index}]`, depth));
    const rest = items === false ? undefined : itemRule();
    return sequence([literal('['), this.#tuple(parts, rest, min, max), literal(']')]);
  }

  /** Items by place: the first ones of their own, the others alike. */
  #tuple(parts: readonly Expression[], rest: Expression | undefined, min: number, max: number): Expression {
    const count = Math.min(parts.length, max);
    const more = Math.min(max, rest ? Number.POSITIVE_INFINITY : count) - count;
    const after = more > 0 && rest ? listOf(rest, Math.max(min - count, 0), more) : sequence([]);
    if (min > count && more <= 0) return nothing;
    let tail =
      more > 0 && rest
        ? min > count
          ? sequence([literal(', '), after])
          : optionalAfterComma(rest, more)
        : sequence([]);
    for (let at = count - 1; at >= 0; at--) {
      const item = sequence([...(at > 0 ? [literal(', ')] : []), parts[at]!, tail]);
      tail = at < min ? item : optional(item);
    }
    return tail;
  }

  #object(schema: Schema, where: string, depth: number): Expression {
    const { properties = {}, required = [], additionalProperties } = schema;
    if (!isObject(properties))
      throw new InputError(`${where}.properties: found ${kindOf(properties)}, expected an object`);
    const names = listIn(required, `${where}.required`, true) as string[];
    if (names.some((name) => typeof name !== 'string'))
      throw new InputError(`${where}.required: expected names`);
    const others = additionalProperties ?? true;
    const known = new Map(Object.entries(properties));
    for (const name of names) if (!known.has(name)) known.set(name, others);
    const members = [...known].map(([name, value]) => ({
      isRequired: names.includes(name),
      member: () =>
        sequence([
          jsonLiteral(name),
          literal(': '),
          this.#own(value, `${where}.properties.${name.slice(0, 40)}`, depth),
        ]),
    }));
    const isOpen = others !== false && (additionalProperties !== undefined || known.size === 0);
    const extra = isOpen
      ? sequence([
          stringExcept([...known.keys()]),
          literal(': '),
          this.#own(others, `${where}.additionalProperties`, depth),
        ])
      : undefined;
    return sequence([literal('{'), this.#members(members, extra, where), literal('}')]);
  }

  /** Members in order; a comma comes before each but the first that is there. */
  #members(
    members: readonly { readonly isRequired: boolean; readonly member: () => Expression }[],
    extra: Expression | undefined,
    where: string,
  ): Expression {
    const others = (begun: boolean) => {
      if (!extra) return sequence([]);
      return begun
        ? optionalAfterComma(extra, Number.POSITIVE_INFINITY)
        : listOf(extra, 0, Number.POSITIVE_INFINITY);
    };
    let [begun, notBegun] = [others(true), others(false)];
    for (const [index, { isRequired, member }] of [...members.entries()].reverse()) {
      const name = this.#name(`${where} member ${index}`);
      this.#rules.set(name, member());
      this.#rules.set(`${name} then`, begun);
      const then = rule(`${name} then`);
      const first = sequence([rule(name), then]);
      const next = sequence([literal(', '), rule(name), then]);
      if (!isRequired) this.#rules.set(`${name} not begun`, notBegun);
      notBegun = isRequired ? first : choice([first, rule(`${name} not begun`)]);
      begun = isRequired ? next : choice([next, then]);
    }
    return notBegun;
  }

  /** The rule of a schema that others hold. */
  #own(schema: unknown, where: string, depth: number): Expression {
    return this.#schema(schema, where, depth + 1);
  }

  #name(hint: string): string {
    return `${this.#rules.size} ${hint.slice(-60)}`;
  }
}

function optionalAfterComma(item: Expression, max: number): Expression {
  const next = sequence([literal(', '), item]);
  return { kind: 'repeat', body: next, min: 0, max };
}

function checkKeywords(schema: Schema, where: string): void {
  for (const keyword of Object.keys(schema)) {
    if (!supported.has(keyword) && !annotations.has(keyword))
      throw new InputError(`${where}: the keyword "${keyword.slice(0, 60)}" is not supported; leave it out`);
  }
}

/** The types that values may have, which keywords of one type tell if `type` does not. */
function typesOf(schema: Schema, where: string): readonly string[] {
  const { type } = schema;
  if (type !== undefined) {
    const types = [type].flat();
    const wrong = types.find((one) => !typeNames.includes(one as string));
    if (wrong !== undefined)
      throw new InputError(`${where}.type: found ${kindOf(wrong)}, expected ${typeNames.join(', ')}`);
    return (types as string[]).filter((one) => one !== 'integer' || !types.includes('number'));
  }
  const told = Object.keys(keywordsOf).filter((name) =>
    keywordsOf[name]!.some((keyword) => keyword in schema),
  );
  return told.length > 0 ? told : ['object', 'array', 'string', 'number', 'boolean', 'null'];
}

function constants(schema: Schema, types: readonly string[], where: string): Expression {
  const beside = Object.keys(schema).find((keyword) => Object.values(keywordsOf).flat().includes(keyword));
  if (beside !== undefined)
    throw new InputError(`${where}: found "${beside}" beside enum or const, which is not supported`);
  const listed = schema.enum === undefined ? [schema.const] : listIn(schema.enum, `${where}.enum`, true);
  const values = listed.filter(
    (value) => schema.const === undefined || JSON.stringify(value) === JSON.stringify(schema.const),
  );
  const isOf = (value: unknown) => schema.type === undefined || types.some((type) => hasType(value, type));
  return choice(values.filter(isOf).map(jsonLiteral));
}

function hasType(value: unknown, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isObject(value);
  return typeof value === type;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
