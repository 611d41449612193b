/**
 * Regular expressions in the syntax of Oniguruma, which the Rust library uses, as trees. Supported is what
 * tokenizers use: classes with `&&`, properties, groups, options, quantifiers of all three kinds, assertions.
 * Everything else is refused by name: captures that are referred to, recursion, conditions.
 */
import { InputError } from '../../errors.ts';
import type { CharacterTest } from './characters.ts';
import { remembered } from './characters.ts';
import { folded, parseClass, parseEscapedSet } from './patternClasses.ts';

export type PatternNode =
  | { kind: 'set'; test: CharacterTest }
  | { kind: 'sequence'; parts: PatternNode[] }
  | { kind: 'choice'; options: PatternNode[] }
  | { kind: 'repeat'; body: PatternNode; min: number; max: number; mode: RepeatMode }
  | { kind: 'atomic'; body: PatternNode }
  | { kind: 'look'; body: PatternNode; behind: boolean; negative: boolean }
  | { kind: 'anchor'; at: 'lineStart' | 'lineEnd' | 'start' | 'end' | 'lastLine' | 'boundary' | 'inside' };

export type RepeatMode = 'greedy' | 'lazy' | 'possessive';

const MAX_DEPTH = 32;
const MAX_REPEAT = 1000;

/** Reads a pattern; `where` names it in errors. */
export function parsePattern(source: string, where: string): PatternNode {
  const cursor = new PatternCursor(source, where);
  const tree = parseChoice(cursor, { ignoreCase: false, dotAll: false, depth: 0 });
  if (!cursor.done) throw cursor.error('an unmatched )');
  return tree;
}

export class PatternCursor {
  readonly #characters: readonly string[];
  readonly #where: string;
  #at = 0;

  constructor(source: string, where: string) {
    this.#characters = [...source];
    this.#where = where;
  }

  get done(): boolean {
    return this.#at >= this.#characters.length;
  }

  /** Whether `text` comes next. */
  sees(text: string): boolean {
    return [...text].every((character, index) => this.#characters[this.#at + index] === character);
  }

  takes(text: string): boolean {
    const found = this.sees(text);
    if (found) this.#at += [...text].length;
    return found;
  }

  next(): string {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw this.error('an early end');
    return character;
  }

  /** Takes the longest beginning of the rest that `pattern` (sticky) matches. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    const rest = this.#characters.slice(this.#at, this.#at + 64).join('');
    const found = pattern.exec(rest);
    if (found === null || found.index !== 0) return undefined;
    this.#at += [...found[0]].length;
    return found;
  }

  error(found: string): InputError {
    return new InputError(
      `${this.#where}: regular expression: found ${found} at character ${this.#at}, ` +
        "expected Oniguruma's syntax without captures that are referred to",
    );
  }
}

interface Options {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
  readonly depth: number;
}

function parseChoice(cursor: PatternCursor, options: Options): PatternNode {
  if (options.depth > MAX_DEPTH) throw cursor.error(`more than ${MAX_DEPTH} nested groups`);
  const choices = [parseSequence(cursor, options)];
  while (cursor.takes('|')) choices.push(parseSequence(cursor, options));
  return choices.length === 1 ? choices[0]! : { kind: 'choice', options: choices };
}

function parseSequence(cursor: PatternCursor, options: Options): PatternNode {
  const parts: PatternNode[] = [];
  while (!cursor.done && !cursor.sees('|') && !cursor.sees(')')) {
    const flags = cursor.match(/^\(\?([im]*)(?:-([im]*))?\)/);
    if (flags) {
      // An option without a colon holds to the end of the group, alternatives included.
      parts.push(parseChoice(cursor, withFlags(options, flags[1]!, flags[2])));
      break;
    }
    parts.push(parseRepeats(cursor, parseAtom(cursor, options)));
  }
  return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts };
}

function withFlags(options: Options, on: string, off = ''): Options {
  const flag = (name: string, now: boolean) => (on.includes(name) || now) && !off.includes(name);
  return {
    ignoreCase: flag('i', options.ignoreCase),
    dotAll: flag('m', options.dotAll),
    depth: options.depth + 1,
  };
}

function parseRepeats(cursor: PatternCursor, atom: PatternNode): PatternNode {
  let node = atom;
  for (let count = 0; ; count++) {
    const bounds = parseBounds(cursor);
    if (bounds === undefined) return node;
    if (count >= MAX_DEPTH) throw cursor.error('too many quantifiers');
    // In Oniguruma's Ruby syntax `{1,3}+` is a repeated repetition, while `++` is possessive.
    const mode = cursor.takes('?') ? 'lazy' : !bounds.braces && cursor.takes('+') ? 'possessive' : 'greedy';
    if (node.kind === 'anchor' || node.kind === 'look') throw cursor.error('a quantifier after an assertion');
    node = { kind: 'repeat', body: node, min: bounds.min, max: bounds.max, mode };
  }
}

function parseBounds(cursor: PatternCursor): { min: number; max: number; braces: boolean } | undefined {
  if (cursor.takes('*')) return { min: 0, max: Number.POSITIVE_INFINITY, braces: false };
  if (cursor.takes('+')) return { min: 1, max: Number.POSITIVE_INFINITY, braces: false };
  if (cursor.takes('?')) return { min: 0, max: 1, braces: false };
  const found = cursor.match(/^\{(\d{1,6})?(?:(,)(\d{1,6})?)?\}/);
  if (found === undefined || (found[1] === undefined && found[3] === undefined)) return undefined;
  const min = Number(found[1] ?? 0);
  const max = found[2] === undefined ? min : Number(found[3] ?? Number.POSITIVE_INFINITY);
  if (min > max || min > MAX_REPEAT || (max > MAX_REPEAT && Number.isFinite(max)))
    throw cursor.error(`the quantifier ${found[0]}`);
  return { min, max, braces: true };
}

const lineBreak = 0x0a;

function parseAtom(cursor: PatternCursor, options: Options): PatternNode {
  if (cursor.takes('(')) return parseGroup(cursor, options);
  if (cursor.sees('[')) return setOf(parseClass(cursor), options);
  if (cursor.takes('.'))
    return { kind: 'set', test: options.dotAll ? () => true : (code) => code !== lineBreak };
  if (cursor.takes('^')) return { kind: 'anchor', at: 'lineStart' };
  if (cursor.takes('$')) return { kind: 'anchor', at: 'lineEnd' };
  for (const [text, at] of anchors) if (cursor.takes(text)) return { kind: 'anchor', at };
  if (cursor.sees('\\')) return setOf(parseEscapedSet(cursor), options);
  if (['*', '+', '?'].some((quantifier) => cursor.sees(quantifier)))
    throw cursor.error('a quantifier of nothing');
  const code = cursor.next().codePointAt(0)!;
  return setOf((found) => found === code, options);
}

const anchors = [
  ['\\A', 'start'],
  ['\\z', 'end'],
  ['\\Z', 'lastLine'],
  ['\\b', 'boundary'],
  ['\\B', 'inside'],
] as const;

function setOf(test: CharacterTest, { ignoreCase }: Options): PatternNode {
  return { kind: 'set', test: remembered(ignoreCase ? folded(test) : test) };
}

function parseGroup(cursor: PatternCursor, options: Options): PatternNode {
  const inner = { ...options, depth: options.depth + 1 };
  const close = (node: PatternNode): PatternNode => {
    if (!cursor.takes(')')) throw cursor.error('a group without )');
    return node;
  };
  const look = (behind: boolean, negative: boolean) =>
    close({ kind: 'look', body: parseChoice(cursor, inner), behind, negative });
  if (!cursor.takes('?')) return close(parseChoice(cursor, inner));
  if (cursor.takes(':')) return close(parseChoice(cursor, inner));
  if (cursor.takes('>')) return close({ kind: 'atomic', body: parseChoice(cursor, inner) });
  if (cursor.takes('=')) return look(false, false);
  if (cursor.takes('!')) return look(false, true);
  if (cursor.takes('<=')) return look(true, false);
  if (cursor.takes('<!')) return look(true, true);
  const flags = cursor.match(/^([im]*)(?:-([im]*))?:/);
  if (flags) return close(parseChoice(cursor, withFlags(options, flags[1]!, flags[2])));
  throw cursor.error('an unknown kind of group');
}
