/** Forms come from strangers: what cannot be met, is too large or would take too long is refused by name, and soon. */
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../errors.ts';
import { byteLevelTokenizer } from '../../text/testing.ts';
import type { TextTokenizer } from '../../text/tokenizer.ts';
import { constraintOf, type ResponseFormat } from './responseFormat.ts';
import { drawnAnswer } from './testing.ts';

let tokenizer: TextTokenizer;
beforeAll(async () => {
  tokenizer = await byteLevelTokenizer();
});

const json = (schema: unknown) => ({ type: 'json', schema }) as ResponseFormat;
const nested = (depth: number): object =>
  JSON.parse(`${'{"type":"array","items":'.repeat(depth)}{}${'}'.repeat(depth)}`);
const manyProperties = Object.fromEntries(
  Array.from({ length: 3000 }, (_, i) => [`p${i}`, { type: 'null' }]),
);
const deepGrammar = `root ::= r0\n${Array.from({ length: 1000 }, (_, i) => `r${i} ::= "(" r${i + 1} ")"`).join('\n')}\nr1000 ::= "x"`;

describe('are refused by name', () => {
  it.each<[string, ResponseFormat, RegExp]>([
    ['10,000 schemas within one another', json(nested(10_000)), /nested more than 64 deep/],
    ['3,000 properties', json({ properties: manyProperties }), /more than 2000 schemas/],
    ['no value', json(false), /no text can meet it/],
    ['an empty enum', json({ type: 'string', enum: [1] }), /no text can meet it/],
    ['bounds in the wrong order', json({ type: 'integer', minimum: 2, maximum: 1 }), /no text can meet it/],
    [
      'recursion without end',
      json({ type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }),
      /no text can meet it/,
    ],
    ['a reference to itself', json({ $ref: '#' }), /begins with itself|no text can meet it/],
    [
      'references in a circle',
      json({ allOf: [{ $ref: '#/$defs/a' }], $defs: { a: { $ref: '#/$defs/a' } } }),
      /in a circle/,
    ],
    ['a reference elsewhere', json({ $ref: 'http://x/y.json' }), /expected a reference within the schema/],
    ['a missing reference', json({ $ref: '#/$defs/__proto__' }), /found no "#\/\$defs\/__proto__"/],
    [
      'an unknown keyword',
      json({ type: 'array', uniqueItems: true }),
      /schema: the keyword "uniqueItems" is not supported/,
    ],
    [
      'overlapping oneOf',
      json({ oneOf: [{ type: 'string' }, { minLength: 2 }] }),
      /one value could meet together/,
    ],
    ['an unknown format', json({ type: 'string', format: 'regex' }), /schema\.format: found "regex"/],
    [
      'look-ahead',
      json({ type: 'string', pattern: '(?=a)b' }),
      /schema\.pattern: regular expression: .*look-around/,
    ],
    ['a reference to a group', { regex: '(a)\\1' }, /"\\1" is not supported/],
    ['a class that does not end', { regex: '[a-' }, /expected "]"/],
    ['counts without end', { regex: 'a{999999}' }, /at most 100000/],
    [
      'groups in groups',
      { regex: `${'('.repeat(20_000)}a${')'.repeat(20_000)}` },
      /nested more than 64 deep/,
    ],
    ['a large class, often', { regex: '[^a]b'.repeat(10_000) }, /more than 50000 nodes/],
    ['left recursion', { grammar: 'root ::= root "a" | "b"' }, /"root" begins with itself/],
    [
      'left recursion through others',
      { grammar: 'root ::= a\na ::= "x"? b\nb ::= root "y" | "z"' },
      /begins with itself/,
    ],
    ['a missing rule', { grammar: 'root ::= other' }, /found no rule "other"/],
    ['a rule that never ends', { grammar: 'root ::= "(" root ")"' }, /no text can meet it/],
    ['rules in rules', { grammar: deepGrammar }, /nested \d+ deep, expected at most 512/],
    ['a text that does not end', { grammar: 'root ::= "a' }, /does not end \(in line 1\)/],
    [
      'comments without end',
      { grammar: `root ::= "a" ${'#'.repeat(60_000)}\n!` },
      /expected the name of a rule/,
    ],
    ['no choice', { choice: [] }, /expected 1 to 1000 texts/],
    ['something else', { type: 'xml' } as never, /expected \{type: "json", schema\}/],
  ])('%s', (_, format, message) => {
    const began = performance.now();
    expect(() => constraintOf(format, tokenizer)).toThrow(InputError);
    expect(() => constraintOf(format, tokenizer)).toThrow(message);
    expect(performance.now() - began).toBeLessThan(10_000); // twice, on a busy machine; none is exponential
  });
});

describe('end soon, with an answer or an error', () => {
  it.each<[string, ResponseFormat]>([
    ['nested counts', { regex: '((a{1,1000}){1,1000}){1,1000}' }],
    ['nested stars', { regex: '(((a*)*)*)*b' }],
    ['a text in many ways', { regex: '(x+x+)+y' }],
    ['words that share letters', { regex: '(a|aa|aaa|aaaa){100}' }],
    ['a search in a search', json({ type: 'string', pattern: '.*.*.*.*a.{1,50}' })],
    ['all of them', { regex: '(.*){1,50}(.*){1,50}(.{0,100}){1,50}' }],
    ['an ambiguous grammar', { grammar: 'root ::= s\ns ::= "a" s s | "a" s | "a"' }],
    ['ambiguous brackets', { grammar: 'root ::= s\ns ::= "(" s ")" t | "(" s ")" | "x"\nt ::= s | s t' }],
    [
      'schemas that refer to themselves',
      json({ anyOf: [{ type: 'null' }, { type: 'array', items: { $ref: '#' } }] }),
    ],
  ])('%s', (_, format) => {
    const began = performance.now();
    const constraint = constraintOf(format, tokenizer)!;
    for (let seed = 0; seed < 3; seed++) {
      try {
        drawnAnswer(constraint, tokenizer, seed);
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
        expect((error as Error).message).toMatch(
          /^responseFormat: .*expected a (simpler|less ambiguous) one/,
        );
      }
    }
    expect(performance.now() - began).toBeLessThan(30_000);
  });
});
