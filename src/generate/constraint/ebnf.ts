/**
 * Grammars as GBNF, llama.cpp's notation, writes them:
 *
 *     root  ::= name " is " [0-9]{1,3}   # a comment
 *     name  ::= "Ann" | "Bob" ("by" | "bie")?
 */
import { InputError } from '../../errors.ts';
import {
  allCharacters,
  character,
  choice,
  complement,
  type Expression,
  type Grammar,
  literal,
  type Range,
  repeat,
  rule,
  sequence,
  united,
} from './grammar.ts';

const maxGroups = 64;
const maxCount = 100_000;
const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** @throws InputError naming what is wrong, with its line */
export function ebnf(source: string): Grammar {
  return new Parser(source).grammar();
}

class Parser {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  grammar(): Grammar {
    const rules = new Map<string, Expression>();
    for (this.#skip(true); this.#at < this.#source.length; this.#skip(true)) {
      const name = this.#match(/[A-Za-z_][\w-]*/y);
      if (name === undefined) throw this.#error('expected the name of a rule');
      this.#skip(true);
      if (this.#match(/::=/y) === undefined) throw this.#error(`expected "::=" after "${name.slice(0, 40)}"`);
      if (rules.has(name)) throw this.#error(`found the rule "${name.slice(0, 40)}" twice`);
      this.#skip(true);
      rules.set(name, this.#alternatives(false));
    }
    if (!rules.has('root')) throw new InputError('grammar: found no rule "root", expected one to begin with');
    return { root: 'root', rules };
  }

  #alternatives(inGroup: boolean): Expression {
    const options = [this.#sequence(inGroup)];
    while (this.#match(/\|/y) !== undefined) {
      this.#skip(true);
      options.push(this.#sequence(inGroup));
    }
    return choice(options);
  }

  #sequence(inGroup: boolean): Expression {
    const parts: Expression[] = [];
    for (;;) {
      const atom = this.#atom();
      if (!atom) return sequence(parts);
      parts.push(this.#repeated(atom));
      // The next line is another rule, unless a group is open or it begins with "|".
      this.#skip(inGroup);
      const here = this.#at;
      this.#skip(true);
      if (!inGroup && this.#source[this.#at] !== '|') this.#at = here;
    }
  }

  #repeated(atom: Expression): Expression {
    let body = atom;
    for (;;) {
      const sign = this.#match(/[*+?]|\{\s*\d+\s*(?:,\s*\d*\s*)?\}/y);
      if (sign === undefined) return body;
      const [min = 0, max = min] = sign.startsWith('{')
        ? boundsOf(sign)
        : [Number(sign === '+'), sign === '?' ? 1 : Infinity];
      if (min > max || min > maxCount || (max > maxCount && max < Number.POSITIVE_INFINITY))
        throw this.#error(`found ${sign}, expected counts in order, at most ${maxCount}`);
      body = repeat(body, min, max);
    }
  }

  #atom(): Expression | undefined {
    const next = this.#source[this.#at];
    if (next === '"') return this.#literal();
    if (next === '[') return this.#set();
    if (next === '(') return this.#group();
    if (next === '.') {
      this.#at++;
      return character(allCharacters);
    }
    const name = this.#match(/[A-Za-z_][\w-]*(?!\s*::=|[\w-])/y);
    return name === undefined ? undefined : rule(name);
  }

  #group(): Expression {
    this.#at++;
    if (++this.#depth > maxGroups) throw this.#error(`groups are nested more than ${maxGroups} deep`);
    this.#skip(true);
    const body = this.#alternatives(true);
    this.#depth--;
    if (this.#match(/\)/y) === undefined) throw this.#error('expected ")"');
    return body;
  }

  #literal(): Expression {
    this.#at++;
    let text = '';
    for (;;) {
      if (this.#match(/"/y) !== undefined) return literal(text);
      text += this.#character();
    }
  }

  #set(): Expression {
    this.#at++;
    const negated = this.#match(/\^/y) !== undefined;
    const ranges: Range[] = [];
    while (this.#match(/\]/y) === undefined) {
      const from = this.#character().codePointAt(0)!;
      const to = this.#match(/-(?=[^\]])/y) === undefined ? from : this.#character().codePointAt(0)!;
      if (to < from) throw this.#error('found a range that is not in order');
      ranges.push([from, to]);
    }
    return character(negated ? complement(ranges) : united(ranges));
  }

  /** One character, perhaps escaped, of a literal or a set. */
  #character(): string {
    const code = this.#source.codePointAt(this.#at);
    if (code === undefined || code === 10) throw this.#error('a text or a set does not end');
    const plain = String.fromCodePoint(code);
    this.#at += plain.length;
    if (plain !== '\\') return plain;
    const hex = this.#match(/x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}/y);
    if (hex !== undefined && Number.parseInt(hex.slice(1), 16) <= 0x10ffff)
      return String.fromCodePoint(Number.parseInt(hex.slice(1), 16));
    const escaped = this.#match(/[nrt"\\[\]^-]/y);
    if (escaped === undefined) throw this.#error('found an unknown escape');
    return escapes[escaped] ?? escaped;
  }

  /** White space and comments; line breaks too if `lines`. */
  #skip(lines: boolean): void {
    this.#match(lines ? /(?:\s|#[^\n]*)*/y : /(?:[ \t]|#[^\n]*)*/y);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (!found) return undefined;
    this.#at = pattern.lastIndex;
    return found[0];
  }

  #error(reason: string): InputError {
    const line = this.#source.slice(0, this.#at).split('\n').length;
    return new InputError(`grammar: ${reason} (in line ${line})`);
  }
}

function boundsOf(sign: string): [min: number, max: number] {
  const [low = '', high] = sign.slice(1, -1).split(',');
  const min = Number(low);
  if (high === undefined) return [min, min];
  return [min, high.trim() === '' ? Number.POSITIVE_INFINITY : Number(high)];
}
