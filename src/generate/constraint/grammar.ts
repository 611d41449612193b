/** Grammars over bytes: what JSON schemas, regular expressions and EBNF are translated to. */
import { utf8Ranges } from './utf8Ranges.ts';

export type Expression =
  /** One byte of a range. */
  | { readonly kind: 'byte'; readonly from: number; readonly to: number }
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  /** One of several; of none, nothing matches. */
  | { readonly kind: 'choice'; readonly options: readonly Expression[] }
  | { readonly kind: 'repeat'; readonly body: Expression; readonly min: number; readonly max: number }
  | { readonly kind: 'rule'; readonly name: string };

export interface Grammar {
  readonly root: string;
  readonly rules: ReadonlyMap<string, Expression>;
}

/** Code points from the first to the last. */
export type Range = readonly [from: number, to: number];

export const nothing: Expression = { kind: 'choice', options: [] };
export const empty: Expression = { kind: 'sequence', parts: [] };
export const allCharacters: readonly Range[] = [[0, 0x10ffff]];

const utf8 = new TextEncoder();

export function literal(text: string): Expression {
  return sequence([...utf8.encode(text)].map((byte) => ({ kind: 'byte', from: byte, to: byte })));
}

export function sequence(parts: readonly Expression[]): Expression {
  return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts };
}

export function choice(options: readonly Expression[]): Expression {
  return options.length === 1 ? options[0]! : { kind: 'choice', options };
}

export function repeat(body: Expression, min: number, max: number): Expression {
  return { kind: 'repeat', body, min, max };
}

export function many(body: Expression): Expression {
  return repeat(body, 0, Number.POSITIVE_INFINITY);
}

export function optional(body: Expression): Expression {
  return repeat(body, 0, 1);
}

export function rule(name: string): Expression {
  return { kind: 'rule', name };
}

/** One character of the ranges, as UTF-8. */
export function character(ranges: readonly Range[]): Expression {
  const options = ranges.flatMap(([from, to]) =>
    utf8Ranges(from, to).map((bytes) =>
      sequence(bytes.map(([low, high]) => ({ kind: 'byte', from: low, to: high }))),
    ),
  );
  return choice(options);
}

/** The ranges in order, without overlaps. */
export function united(ranges: readonly Range[]): Range[] {
  const result: [number, number][] = [];
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = result.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else result.push([from, to]);
  }
  return result;
}

export function complement(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  let next = 0;
  for (const [from, to] of united(ranges)) {
    if (from > next) result.push([next, from - 1]);
    next = to + 1;
  }
  if (next <= 0x10ffff) result.push([next, 0x10ffff]);
  return result;
}

export function intersection(a: readonly Range[], b: readonly Range[]): Range[] {
  return complement([...complement(a), ...complement(b)]);
}
