/** Forms of answers: everything that a form lets through has the form, and nothing that has it is kept out. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../errors.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { byteLevelTokenizer } from '../../text/testing.ts';
import { TextTokenizer } from '../../text/tokenizer.ts';
import type { Constraint } from './matcher.ts';
import { constraintOf, type ResponseFormat } from './responseFormat.ts';
import { drawnAnswer, jsonSchemas, meets } from './testing.ts';

let tokenizer: TextTokenizer;
beforeAll(async () => {
  const { json, config } = await byteLevelTokenizer();
  tokenizer = TextTokenizer.fromJson(json, config);
});

/** Whether the form takes a text, token by token, and may end after it. */
function takes(format: ResponseFormat, text: string): boolean {
  const matcher = constraintOf(format, tokenizer)!.start();
  for (const id of tokenizer.encode(text, { addSpecialTokens: false })) {
    const isAllowed = ((matcher.allowed()[id >> 5]! >>> (id & 31)) & 1) === 1;
    if (!isAllowed) {
      expect(() => matcher.accept(id)).toThrow(InputError);
      return false;
    }
    matcher.accept(id);
  }
  return matcher.isComplete;
}

describe('JSON schemas', () => {
  it('at random: every answer parses and validates', () => {
    const runs = Number(process.env.PLUSMINUS_SCHEMAS ?? 150);
    let refused = 0;
    let checked = 0;
    fc.assert(
      fc.property(jsonSchemas, fc.nat(), (schema, seed) => {
        let constraint: ReturnType<typeof constraintOf>;
        try {
          constraint = constraintOf({ type: 'json', schema }, tokenizer);
        } catch (error) {
          expect((error as Error).message).toMatch(/no text can meet it/);
          refused++;
          return;
        }
        const text = drawnAnswer(constraint!, tokenizer, seed);
        if (text === undefined) return;
        checked++;
        expect(meets(schema, text), `${JSON.stringify(schema)}: ${text}`).toBe(true);
      }),
      { numRuns: runs, seed: 7 },
    );
    expect(refused).toBeLessThan(checked / 10);
    expect(checked).toBeGreaterThan(0.8 * runs);
  });
});

const person = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 6 },
    age: { type: 'integer', minimum: 0, maximum: 150 },
    tags: { type: 'array', items: { enum: ['a', 'b'] } },
  },
  required: ['name', 'age'],
};
const tree = {
  $ref: '#/$defs/node',
  $defs: {
    node: {
      type: 'object',
      properties: { v: { type: 'integer' }, next: { $ref: '#/$defs/node' } },
      required: ['v'],
    },
  },
};
const tagged = {
  oneOf: [
    {
      type: 'object',
      properties: { kind: { const: 'circle' }, r: { type: 'number' } },
      required: ['kind', 'r'],
    },
    { type: 'object', properties: { kind: { const: 'point' } }, required: ['kind'] },
  ],
};
const json = (schema: object) => ({ type: 'json', schema }) as const;

describe('forms', () => {
  it.each<[ResponseFormat, string[], string[]]>([
    [
      json(person),
      ['{"name": "Ann", "age": 7}', '{"name": "\\u00e9😀\\n\\"äö", "age": 150, "tags": ["a", "b", "a"]}'],
      [
        '{"name": "Annabell", "age": 7}',
        '{"name": "Ann", "age": 151}',
        '{"age": 7}',
        '{"name": "A", "age": 07}',
        '{',
      ],
    ],
    [json(tree), ['{"v": 1, "next": {"v": -2, "next": {"v": 0}}}'], ['{"v": 1, "next": {}}']],
    [
      json(tagged),
      ['{"kind": "circle", "r": 1.5e-3}', '{"kind": "point"}'],
      ['{"kind": "circle"}', '{"kind": "x"}'],
    ],
    [
      json({ type: 'integer', minimum: -15, exclusiveMaximum: 120 }),
      ['-15', '-9', '0', '99', '119'],
      ['-16', '120', '-0', '01'],
    ],
    [
      json({ type: 'number', minimum: 0.25, maximum: 1 }),
      ['1', '0.250', '0.9999'],
      ['0', '0.2', '0.2499', '1.0001', '2'],
    ],
    [json({ type: 'number', maximum: -0.5 }), ['-1', '-0.500', '-123.25'], ['0', '-0.499', '0.5']],
    [
      json({ properties: { ['__proto__']: { type: 'null' } }, required: ['__proto__'], type: 'object' }),
      ['{}'].slice(1),
      ['{}'],
    ],
    [
      { type: 'json' },
      ['{}', '{"a": [1, {"b": null}], "c": "\\ud83d\\ude00"}'],
      ['[]', '{"a": "\\ud83d"}', '{"a":1}', '{"a": 1'],
    ],
    [{ regex: 'a(b|c){2,3}d?' }, ['abc', 'acbbd'], ['ab', 'abcbb', 'abcd!']],
    [{ regex: '[^a-z\\d]+|\\u00e9\\w*' }, ['ÄÖ-!', 'éa_9'], ['a', 'éa!']],
    [{ regex: '^(?:x|(?<two>yy))$' }, ['x', 'yy'], ['xx']],
    [{ choice: ['yes', 'yes, but', 'nö'] }, ['yes', 'yes, but', 'nö'], ['no', 'ye', 'yes,']],
    [
      {
        grammar:
          'root ::= item ("," item)* # a list\nitem ::= [0-9]+ |\n  "x" inner?\ninner ::= "(" root ")"',
      },
      ['1,22', 'x(1,x(x))', 'x'],
      ['', ',', 'x(', 'y', '1,'],
    ],
    [{ grammar: 'root ::= "é" [^\\n"]{2} "\\x41" .' }, ['é..A😀'], ['é."A!', 'é...']],
  ])('%j', (format, good, bad) => {
    for (const text of good) expect(takes(format, text), text).toBe(true);
    for (const text of bad) expect(takes(format, text), text).toBe(false);
  });

  it('of numbers are those within the bounds', () => {
    const bound = fc.integer({ min: -99_999, max: 99_999 });
    const value = fc.integer({ min: -110_000, max: 110_000 });
    fc.assert(
      fc.property(bound, bound, value, fc.constantFrom(1, 10, 1000), (a, b, x, scale) => {
        const [minimum, maximum] = [Math.min(a, b) / scale, Math.max(a, b) / scale];
        const written = x / scale;
        const format = json({ type: scale === 1 ? 'integer' : 'number', minimum, maximum });
        const text = Number.isInteger(written)
          ? `${written}`
          : written.toFixed(decimals(minimum, maximum) + 2);
        const isIn = Number(text) >= minimum && Number(text) <= maximum;
        expect(takes(format, text), `${text} in ${minimum}..${maximum}`).toBe(isIn);
      }),
      { numRuns: 60, seed: 3 },
    );
  });

  it.each<[string, ResponseFormat]>([
    ['a bounded string', json({ type: 'string', minLength: 30, maxLength: 60 })],
    ['counts within counts', { regex: '(a{20,40}(b|c{0,30}){25,50};){3}' }],
    ['rounds that may be empty', { regex: '((ab)?){40,80}!{30}' }],
  ])('have masks of exactly the tokens that are accepted: %s', (_, format) => {
    const constraint = constraintOf(format, tokenizer)!;
    const random = new SeededRandom(4);
    const taken: number[] = [];
    const matcher = constraint.start();
    while (!matcher.isEnded && taken.length < 60) {
      const allowed = idsIn(matcher.allowed());
      const accepted = taken.length % 6 === 0 ? acceptedAfter(constraint, taken) : allowed;
      expect(allowed).toEqual(accepted);
      taken.push(allowed[Math.floor(random.uniform() * allowed.length)]!);
      matcher.accept(taken.at(-1)!);
    }
    expect(taken.length).toBeGreaterThan(5);
  });

  it('leave no choice where there is none: keys and braces need no model', () => {
    const matcher = constraintOf(json({ ...person, required: ['name', 'age', 'tags'] }), tokenizer)!.start();
    const forced = () => {
      const ids = matcher.forced();
      for (const id of ids) matcher.accept(id);
      return tokenizer.decode(ids);
    };
    expect('{"name": "').toContain(forced());
    expect(forced()).toBe('');
    for (const id of tokenizer.encode('{"name": "Ann"', { addSpecialTokens: false }).slice(-2)) {
      const isAllowed = ((matcher.allowed()[id >> 5]! >>> (id & 31)) & 1) === 1;
      if (isAllowed) matcher.accept(id);
    }
    const whole = constraintOf({ choice: ['Only this.'] }, tokenizer)!.start();
    for (const id of whole.forced()) whole.accept(id);
    expect(whole.isEnded).toBe(true);
  });
});

function idsIn(mask: Uint32Array): number[] {
  return [...mask].flatMap((word, at) =>
    Array.from({ length: 32 }, (_, bit) => 32 * at + bit).filter((id) => (word >>> (id & 31)) & 1),
  );
}

/** Tokens that may follow the `taken` ones, each tried by itself. */
function acceptedAfter(constraint: Constraint, taken: readonly number[]): number[] {
  return Array.from({ length: tokenizer.vocabularySize }, (_, id) => id).filter((id) => {
    if (tokenizer.isSpecial(id)) return false;
    const matcher = constraint.start();
    for (const before of taken) matcher.accept(before);
    try {
      matcher.accept(id);
      return true;
    } catch {
      return false;
    }
  });
}

function decimals(...numbers: readonly number[]): number {
  return Math.max(...numbers.map((x) => (`${x}`.split('.')[1] ?? '').length));
}
