/** How JSON is written in answers: on one line, with a space after each colon and comma, as Python's json.dumps writes. */
import {
  allCharacters,
  character,
  choice,
  complement,
  type Expression,
  type Grammar,
  intersection,
  literal,
  many,
  optional,
  type Range,
  repeat,
  rule,
  sequence,
} from './grammar.ts';

/** Characters that stand in a string as they are. */
const plain: readonly Range[] = [
  [0x20, 0x21],
  [0x23, 0x5b],
  [0x5d, 0x10ffff],
];
const shortEscapes: readonly (readonly [code: number, written: string])[] = [
  ...([
    [0x22, '\\"'],
    [0x5c, '\\\\'],
    [0x08, '\\b'],
    [0x0c, '\\f'],
  ] as const),
  ...([
    [0x0a, '\\n'],
    [0x0d, '\\r'],
    [0x09, '\\t'],
  ] as const),
];

/** One character of the ranges as a string of JSON spells it in the shortest way: a text has one spelling only. */
export function jsonCharacter(ranges: readonly Range[]): Expression {
  const contains = (code: number) => ranges.some(([from, to]) => code >= from && code <= to);
  const escaped = shortEscapes.filter(([code]) => contains(code)).map(([, written]) => literal(written));
  const controls: Expression[] = [];
  for (let code = 0; code < 0x20; code++) {
    const isShort = shortEscapes.some(([short]) => short === code);
    if (contains(code) && !isShort) controls.push(literal(`\\u${code.toString(16).padStart(4, '0')}`));
  }
  return choice([character(intersection(ranges, plain)), ...escaped, ...controls]);
}

/** A value as JSON. */
export function jsonLiteral(value: unknown): Expression {
  return literal(writeJson(value));
}

function writeJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(writeJson).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, item]) => `${JSON.stringify(name)}: ${writeJson(item)}`)
    .join(', ')}}`;
}

export function quoted(content: Expression): Expression {
  return sequence([literal('"'), content, literal('"')]);
}

/** Items from `min` to `max`, divided by commas. */
export function listOf(item: Expression, min: number, max: number): Expression {
  if (max === 0) return sequence([]);
  const all = sequence([item, repeat(sequence([literal(', '), item]), Math.max(min - 1, 0), max - 1)]);
  return min === 0 ? optional(all) : all;
}

const hex = choice([range('0', '9'), range('a', 'f'), range('A', 'F')]);
const digit = range('0', '9');

function range(from: string, to: string): Expression {
  return character([[from.charCodeAt(0), to.charCodeAt(0)]]);
}

function anyOf(characters: string): Expression {
  return character([...characters].map((one): Range => [one.charCodeAt(0), one.charCodeAt(0)]));
}

/** Not of a surrogate; and a pair of surrogates, which are one character. */
const unit = choice([
  sequence([choice([digit, anyOf('abcABCefEF')]), hex, hex, hex]),
  sequence([anyOf('dD'), range('0', '7'), hex, hex]),
]);
const pair = sequence([
  ...[anyOf('dD'), anyOf('89abAB'), hex, hex, literal('\\u')],
  ...[anyOf('dD'), anyOf('cdefCDEF'), hex, hex],
]);

/** At most fifteen digits, so that the number is read back as it was written. */
const whole = sequence([
  optional(literal('-')),
  choice([literal('0'), sequence([range('1', '9'), repeat(digit, 0, 14)])]),
]);
const exponent = sequence([anyOf('eE'), optional(anyOf('+-')), repeat(digit, 1, 2)]);
const members = sequence([quoted(many(rule('json character'))), literal(': '), rule('json value')]);

/** Rules that JSON of any form is made of. */
export const jsonRules: Grammar['rules'] = new Map<string, Expression>([
  [
    'json character',
    choice([
      character(plain),
      sequence([literal('\\'), choice([anyOf('"\\/bfnrt'), sequence([literal('u'), choice([unit, pair])])])]),
    ]),
  ],
  ['json string', quoted(many(rule('json character')))],
  ['json integer', whole],
  [
    'json number',
    sequence([whole, optional(sequence([literal('.'), repeat(digit, 1, 15)])), optional(exponent)]),
  ],
  ['json object', sequence([literal('{'), listOf(members, 0, Number.POSITIVE_INFINITY), literal('}')])],
  [
    'json array',
    sequence([literal('['), listOf(rule('json value'), 0, Number.POSITIVE_INFINITY), literal(']')]),
  ],
  [
    'json value',
    choice([
      ...['object', 'array', 'string', 'number'].map((kind) => rule(`json ${kind}`)),
      ...['true', 'false', 'null'].map(literal),
    ]),
  ],
]);

/** A string that is none of `names`, each character in its one spelling. */
export function stringExcept(names: readonly string[]): Expression {
  return quoted(except(names.map((name) => [...name].map((one) => one.codePointAt(0)!))));
}

function except(names: readonly (readonly number[])[]): Expression {
  if (names.length === 0) return many(jsonCharacter(allCharacters));
  const first = [...new Set(names.filter((name) => name.length > 0).map(([code]) => code!))];
  const others = complement(first.map((code): Range => [code, code]));
  const options = [
    ...(names.some((name) => name.length === 0) ? [] : [sequence([])]),
    sequence([jsonCharacter(others), many(jsonCharacter(allCharacters))]),
    ...first.map((code) =>
      sequence([
        jsonCharacter([[code, code]]),
        except(names.filter(([begin]) => begin === code).map((name) => name.slice(1))),
      ]),
    ),
  ];
  return choice(options);
}
