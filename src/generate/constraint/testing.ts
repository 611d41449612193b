/** For tests: schemas at random, and answers drawn from a form without a model. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { SeededRandom } from '../../text/seededRandom.ts';
import type { TextTokenizer } from '../../text/tokenizer.ts';
import type { Constraint } from './matcher.ts';

const name = fc.oneof(
  fc.constantFrom('a', 'b', 'name', 'ä "x"', 'kind', 'constructor', ''),
  fc.string({ maxLength: 6 }),
);
const annotation = fc.constantFrom({}, { title: 'A title' }, { description: 'said', default: 5 });
const scalar = fc.oneof(
  fc.integer({ min: -20, max: 20 }),
  fc.boolean(),
  fc.constant(null),
  fc.string({ maxLength: 5 }),
);

function between(value: fc.Arbitrary<number>, low: string, high: string) {
  return fc.record({ a: value, b: value, one: fc.nat(3) }).map(({ a, b, one }) => ({
    ...(one !== 1 && { [low]: Math.min(a, b) }),
    ...(one !== 2 && { [high]: Math.max(a, b) }),
  }));
}

const strings = fc.oneof(
  fc.record({ bounds: between(fc.nat(12), 'minLength', 'maxLength') }).map(({ bounds }) => bounds),
  fc
    .constantFrom('^[a-z]{1,8}$', '^(a|b"|\\\\)+c?$', '\\d{2}-\\d{2}', '^[^x]{0,3}$', '^(é|[😀-😎]){2}$')
    .map((pattern) => ({
      pattern,
    })),
  fc
    .constantFrom('date', 'time', 'date-time', 'uuid', 'email', 'hostname', 'ipv4', 'uri')
    .map((format) => ({ format })),
);
const integers = between(fc.integer({ min: -1200, max: 1200 }), 'minimum', 'maximum');
const numbers = between(
  fc.integer({ min: -30_000, max: 30_000 }).map((thousandths) => thousandths / 1000),
  'minimum',
  'maximum',
);

const { schema: anySchema } = fc.letrec<{ schema: object }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    strings.map((more) => ({ type: 'string', ...more })),
    integers.map((more) => ({ type: 'integer', ...more })),
    numbers.map((more) => ({ type: 'number', ...more })),
    fc.constantFrom({ type: 'boolean' }, { type: 'null' }, { type: ['integer', 'null'] }, true as never),
    fc.uniqueArray(scalar, { minLength: 1, maxLength: 4 }).map((values) => ({ enum: values })),
    scalar.map((value) => ({ const: value })),
    objects(tie('schema')),
    arrays(tie('schema')),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((options) => ({ anyOf: options })),
    fc.tuple(tie('schema'), annotation).map(([schema, more]) => ({ allOf: [schema], ...more })),
  ),
}));

function objects(schema: fc.Arbitrary<object>): fc.Arbitrary<object> {
  const member = fc.record({ name, schema, isRequired: fc.boolean() });
  const additional = fc.option(fc.oneof(fc.boolean(), fc.constant({ type: 'boolean' })), { nil: undefined });
  return fc
    .tuple(fc.uniqueArray(member, { maxLength: 4, selector: (one) => one.name }), additional, annotation)
    .map(([members, additionalProperties, more]) => ({
      type: 'object',
      properties: Object.fromEntries(members.map((one) => [one.name, one.schema])),
      required: members.filter(({ isRequired }) => isRequired).map((one) => one.name),
      ...(additionalProperties !== undefined && { additionalProperties }),
      ...more,
    }));
}

function arrays(items: fc.Arbitrary<object>): fc.Arbitrary<object> {
  const counts = between(fc.nat(4), 'minItems', 'maxItems');
  const first = fc.option(fc.array(items, { minLength: 1, maxLength: 2 }), { nil: undefined });
  return fc.tuple(fc.option(items, { nil: undefined }), counts, first).map(([of, bounds, prefixItems]) => ({
    ...{ type: 'array', ...bounds },
    ...(of && { items: of }),
    ...(prefixItems && { prefixItems }),
  }));
}

export const jsonSchemas: fc.Arbitrary<object> = anySchema;

/** Of properties only an object's own count: every object has a `constructor`. */
const ajv = new Ajv2020({ strict: false, ownProperties: true, validateSchema: false });
addFormats.default(ajv);

/** Whether a text is JSON that meets the schema, by another's judgement. */
export function meets(schema: object, text: string): boolean {
  return ajv.validate(schema, JSON.parse(text)) === true;
}

/** An answer whose tokens are drawn at random; it ends when it may and a coin says so. Undefined: it grew too long. */
export function drawnAnswer(
  constraint: Constraint,
  tokenizer: TextTokenizer,
  seed: number,
): string | undefined {
  const random = new SeededRandom(seed);
  const matcher = constraint.start();
  const ids: number[] = [];
  const take = (id: number) => {
    matcher.accept(id);
    ids.push(id);
  };
  while (!matcher.isEnded && ids.length < 1000) {
    for (const id of matcher.forced()) take(id);
    if (matcher.isEnded || (matcher.isComplete && random.uniform() < 0.5)) break;
    const allowed = [...matcher.allowed()].flatMap((word, at) =>
      Array.from({ length: 32 }, (_, bit) => ((word >>> bit) & 1 ? 32 * at + bit : -1)).filter(
        (id) => id >= 0,
      ),
    );
    if (allowed.length === 0) break;
    // Ends are rare among all tokens: prefer short ones, which close strings and lists.
    const short = allowed.filter((id) => '"]},'.includes(tokenizer.token(id)![0]!));
    const from = short.length > 0 && random.uniform() < 0.5 ? short : allowed;
    take(from[Math.floor(random.uniform() * from.length)]!);
  }
  return matcher.isComplete ? tokenizer.decode(ids) : undefined;
}
