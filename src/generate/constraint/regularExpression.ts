/**
 * Regular expressions of JavaScript as grammars: characters, classes, groups, alternatives, repetitions, and `^` and `$`
 * around alternatives. What a grammar cannot say (look-around, references to groups, word boundaries) is refused by name.
 */
import { InputError } from '../../errors.ts';
import {
  choice,
  complement,
  type Expression,
  empty,
  many,
  type Range,
  repeat,
  sequence,
  united,
} from './grammar.ts';

export interface ExpressionOptions {
  /** How one character of the ranges is written. */
  readonly character: (ranges: readonly Range[]) => Expression;
  /** Whether the text may have more before and after, unless `^` and `$` say otherwise. */
  readonly isSearch: boolean;
}

/** Groups within one another. */
const maxGroups = 64;
const maxCount = 100_000;

const digits: Range[] = [[0x30, 0x39]];
const words: Range[] = [...digits, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const spaces: Range[] = [
  ...([
    [0x09, 0x0d],
    [0x20, 0x20],
    [0xa0, 0xa0],
    [0x1680, 0x1680],
    [0x2000, 0x200a],
  ] as Range[]),
  ...([
    [0x2028, 0x2029],
    [0x202f, 0x202f],
    [0x205f, 0x205f],
    [0x3000, 0x3000],
    [0xfeff, 0xfeff],
  ] as Range[]),
];
const lineEnds: Range[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const classes: Readonly<Record<string, readonly Range[]>> = {
  ...{ d: digits, w: words, s: spaces },
  ...{ D: complement(digits), W: complement(words), S: complement(spaces) },
};
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, 0: 0 };

/** @throws InputError naming what is wrong or not supported, with its place */
export function regularExpression(source: string, options: ExpressionOptions): Expression {
  const parser = new Parser(source, options);
  return parser.whole();
}

class Parser {
  readonly #characters: readonly string[];
  readonly #options: ExpressionOptions;
  #at = 0;
  #depth = 0;

  constructor(source: string, options: ExpressionOptions) {
    this.#characters = [...source];
    this.#options = options;
  }

  whole(): Expression {
    const found = this.#anchored();
    if (this.#at < this.#characters.length) throw this.#error('found ")" without "("');
    return found;
  }

  /** Alternatives at the outside, where `^` and `$` may stand. */
  #anchored(): Expression {
    const options: Expression[] = [];
    do options.push(this.#anchoredSequence());
    while (this.#take('|'));
    return choice(options);
  }

  #anchoredSequence(): Expression {
    const begins = this.#take('^');
    const group = begins ? undefined : this.#anchoredGroup();
    if (group) return group;
    const body = this.#sequence();
    const ends = this.#take('$');
    if (ends && !this.#isAtEnd()) throw this.#error('found "$" before the end of an alternative');
    const around = this.#options.isSearch ? many(this.#options.character([[0, 0x10ffff]])) : empty;
    return sequence([begins ? empty : around, body, ends ? empty : around]);
  }

  /** `(^a$|^b$)` as a whole alternative. */
  #anchoredGroup(): Expression | undefined {
    const start = this.#at;
    if (this.#openGroup()) {
      this.#enter();
      const inside = this.#characters[this.#at] === '^' ? this.#anchored() : undefined;
      this.#depth--;
      if (inside && this.#take(')') && this.#isAtEnd()) return inside;
    }
    this.#at = start;
    return undefined;
  }

  #alternatives(): Expression {
    const options: Expression[] = [];
    do options.push(this.#sequence());
    while (this.#take('|'));
    return choice(options);
  }

  #sequence(): Expression {
    const parts: Expression[] = [];
    while (!this.#isAtEnd() && this.#characters[this.#at] !== '$') parts.push(this.#repeated());
    return sequence(parts);
  }

  #isAtEnd(): boolean {
    const next = this.#characters[this.#at];
    return next === undefined || next === '|' || next === ')';
  }

  #repeated(): Expression {
    let body = this.#atom();
    for (;;) {
      const bounds = this.#bounds();
      if (!bounds) return body;
      this.#take('?'); // reluctant ones match the same texts
      body = repeat(body, ...bounds);
    }
  }

  #bounds(): [min: number, max: number] | undefined {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#take('?')) return [0, 1];
    if (this.#characters[this.#at] !== '{') return undefined;
    const rest = this.#characters.slice(this.#at, this.#at + 24).join('');
    const [text, low, comma, high] = /^\{(\d+)(,?)(\d*)\}/.exec(rest) ?? [];
    if (text === undefined) return undefined;
    this.#at += text.length;
    const min = Number(low);
    const max = high ? Number(high) : comma ? Number.POSITIVE_INFINITY : min;
    if (min > max || min > maxCount || (max > maxCount && max < Number.POSITIVE_INFINITY))
      throw this.#error(`found ${text}, expected counts in order, at most ${maxCount}`);
    return [min, max];
  }

  #atom(): Expression {
    if (this.#openGroup()) {
      this.#enter();
      const body = this.#alternatives();
      this.#depth--;
      if (!this.#take(')')) throw this.#error('expected ")"');
      return body;
    }
    const character = this.#characters[this.#at++]!;
    if (character === '.') return this.#options.character(complement(lineEnds));
    if (character === '[') return this.#options.character(this.#set());
    if (character === '\\') return this.#options.character(this.#escape(false));
    if ('*+?^'.includes(character)) throw this.#error(`found "${character}" where it has no meaning`);
    const code = character.codePointAt(0)!;
    return this.#options.character([[code, code]]);
  }

  #openGroup(): boolean {
    if (!this.#take('(')) return false;
    if (!this.#take('?')) return true;
    if (this.#take(':')) return true;
    const name = /^<[A-Za-z_]\w*>/.exec(this.#characters.slice(this.#at, this.#at + 80).join(''));
    if (!name) throw this.#error('found "(?", expected a group; look-around is not supported');
    this.#at += name[0].length;
    return true;
  }

  #enter(): void {
    if (++this.#depth > maxGroups) throw this.#error(`groups are nested more than ${maxGroups} deep`);
  }

  #set(): readonly Range[] {
    const negated = this.#take('^');
    const ranges: Range[] = [];
    while (!this.#take(']')) {
      const low = this.#member();
      const isRange = this.#characters[this.#at] === '-' && (this.#characters[this.#at + 1] ?? ']') !== ']';
      if (!isRange) {
        for (const range of low) ranges.push(range);
        continue;
      }
      this.#at++;
      const high = this.#member();
      const [from, to] = [low[0]?.[0] ?? 0, high[0]?.[1] ?? 0];
      if (low.length !== 1 || high.length !== 1 || from > to)
        throw this.#error('found a range that is not in order');
      ranges.push([from, to]);
    }
    return negated ? complement(ranges) : united(ranges);
  }

  #member(): readonly Range[] {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw this.#error('expected "]"');
    if (character === '\\') return this.#escape(true);
    const code = character.codePointAt(0)!;
    return [[code, code]];
  }

  #escape(inSet: boolean): readonly Range[] {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw this.#error('found "\\" at the end');
    const known = classes[character];
    if (known) return known;
    const code = this.#escapedCode(character, inSet);
    return [[code, code]];
  }

  #escapedCode(character: string, inSet: boolean): number {
    if (character === 'b' && inSet) return 8;
    if (character in controls) return controls[character]!;
    const rest = this.#characters.slice(this.#at, this.#at + 10).join('');
    const pattern =
      character === 'x'
        ? /^([\da-f]{2})/i
        : character === 'u'
          ? /^(?:([\da-f]{4})|\{([\da-f]{1,6})\})/i
          : undefined;
    const [text, hex, braced] = pattern?.exec(rest) ?? [];
    if (text !== undefined) {
      this.#at += text.length;
      const code = Number.parseInt(hex ?? braced!, 16);
      if (code <= 0x10ffff) return code;
    }
    if (/[\w]/.test(character)) throw this.#error(`"\\${character}" is not supported`);
    return character.codePointAt(0)!;
  }

  #take(character: string): boolean {
    if (this.#characters[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #error(reason: string): InputError {
    return new InputError(`regular expression: ${reason} (at character ${this.#at})`);
  }
}
