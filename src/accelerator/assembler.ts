/**
 * Assembly to instruction words. Two passes: the first reads lines and places labels, the second fills in their
 * addresses. docs/accelerator.md has the grammar; every error says line and column.
 */
import { scalarOf } from './arithmetic.ts';
import { type ExpressionScope, evaluate } from './expression.ts';
import {
  contradiction,
  encode,
  type Field,
  type Operation,
  operationNamed,
  operations,
  rangeOf,
  reductions,
} from './instructionSet.ts';
import { errorAt, type Token, tokensOf } from './lexer.ts';

/** A word, or an instruction that waits for labels. */
interface Pending {
  readonly start: Token;
  readonly resolve: () => bigint;
}

const maxWords = 65536;
const maxSourceCharacters = 64_000_000;

/**
 * @param source the text's name in messages
 * @throws InputError for anything that is not assembly, with line and column
 */
export function assemble(text: string, source = 'assembly'): bigint[] {
  const nowhere: Token = { kind: 'end', text: '', line: 1, column: 1 };
  if (text.length > maxSourceCharacters) {
    throw errorAt(
      source,
      nowhere,
      `found ${text.length} characters, expected at most ${maxSourceCharacters}`,
    );
  }
  const assembler = new Assembler(source);
  text.split(/\r\n|\n|\r/).forEach((line, index) => {
    assembler.line(tokensOf(source, line, index + 1));
  });
  return assembler.words();
}

class Assembler implements ExpressionScope {
  readonly source: string;
  readonly #constants = new Map<string, number>();
  readonly #labels = new Map<string, number>();
  readonly #pending: Pending[] = [];
  #tokens: readonly Token[] = [];
  #at = 0;

  constructor(source: string) {
    this.source = source;
  }

  line(tokens: readonly Token[]): void {
    this.#tokens = tokens;
    this.#at = 0;
    while (this.peek().kind === 'name' && this.#tokens[this.#at + 1]!.text === ':') this.#label();
    const start = this.peek();
    if (start.kind === 'end') return;
    if (start.kind !== 'name') throw this.#unexpected('an instruction, a label or a directive');
    this.next();
    if (start.text === '.const') this.#constant();
    else if (start.text === '.word') this.#word(start);
    else this.#instruction(start);
    if (this.peek().kind !== 'end') throw this.#unexpected('the end of the line');
    if (this.#pending.length > maxWords) {
      throw errorAt(this.source, start, `more than ${maxWords} instructions: the pc has 16 bits`);
    }
  }

  words(): bigint[] {
    return this.#pending.map(({ resolve }) => resolve());
  }

  peek(): Token {
    return this.#tokens[this.#at]!;
  }

  next(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  constantNamed(token: Token): number {
    const value = this.#constants.get(token.text);
    if (value !== undefined) return value;
    throw errorAt(this.source, token, `found ${token.text}, expected a constant that a .const above defines`);
  }

  #label(): void {
    const name = this.next();
    this.next();
    if (name.text.startsWith('.')) throw errorAt(this.source, name, `${name.text} is not a name for a label`);
    if (this.#labels.has(name.text)) throw errorAt(this.source, name, `label ${name.text} is defined twice`);
    this.#labels.set(name.text, this.#pending.length);
  }

  #constant(): void {
    const name = this.next();
    if (name.kind !== 'name' || name.text.startsWith('.')) {
      throw errorAt(this.source, name, `found ${name.text}, expected the constant's name`);
    }
    if (this.#constants.has(name.text)) {
      throw errorAt(this.source, name, `constant ${name.text} is defined twice`);
    }
    this.#constants.set(name.text, evaluate(this));
  }

  #word(start: Token): void {
    const token = this.next();
    const value = token.kind === 'integer' ? BigInt(token.text) : -1n;
    if (value < 0n || value >= 2n ** 64n) {
      throw errorAt(this.source, token, `found ${token.text}, expected an integer of 64 bits`);
    }
    this.#pending.push({ start, resolve: () => value });
  }

  #instruction(start: Token): void {
    const found = operationNamed(start.text);
    if (!found) {
      const names = operations.map(({ name }) => name).join(' ');
      throw errorAt(this.source, start, `found ${start.text}, expected one of ${names}, .const or .word`);
    }
    const values: Record<string, number> = Object.fromEntries(found.fields.map(({ name }) => [name, 0]));
    const seen = new Map<string, Token>();
    let target: Token | undefined;
    found.fields
      .filter(({ named }) => !named)
      .forEach((field, index) => {
        if (index > 0) this.#expect(',');
        const place = this.peek();
        if (field.kind === 'target') target = this.#targetName();
        else if (field.name === 'm' && place.kind === 'real') this.#realScalar(values);
        else if (field.name !== 'e' || !seen.has('real')) values[field.name] = this.#value(field);
        if (field.name === 'm' && place.kind === 'real') seen.set('real', place);
      });
    this.#namedFields(found, values, seen);
    const wrong = contradiction({ operation: found, fields: values });
    if (wrong) throw errorAt(this.source, start, `${start.text}: ${wrong}`);
    this.#pending.push({
      start,
      resolve: () => {
        if (target) values.target = this.#addressOf(target);
        return encode({ operation: found, fields: values });
      },
    });
  }

  /** `sli s1, 0.25`: mantissa and exponent of a number; `e` is then not written. */
  #realScalar(values: Record<string, number>): void {
    const token = this.next();
    const number = Number(token.text);
    if (!Number.isFinite(number)) {
      throw errorAt(this.source, token, `found ${token.text}, expected a number below ${Number.MAX_VALUE}`);
    }
    const { m, e } = scalarOf(number);
    values.m = m;
    values.e = e;
  }

  #namedFields({ name, fields }: Operation, values: Record<string, number>, seen: Map<string, Token>): void {
    const some = fields.some(({ named }) => !named);
    for (let first = !some; this.peek().kind !== 'end'; first = false) {
      if (!first) this.#expect(',');
      const key = this.next();
      if (key.kind !== 'name') throw errorAt(this.source, key, `found ${key.text}, expected a field's name`);
      if (seen.has(key.text)) throw errorAt(this.source, key, `${key.text} is given twice`);
      seen.set(key.text, key);
      this.#namedField(key, fields, values);
    }
    for (const field of fields) {
      if (!field.required || seen.has(field.name)) continue;
      throw errorAt(this.source, this.peek(), `${name}: expected ${field.name}=…`);
    }
  }

  #namedField(key: Token, fields: readonly Field[], values: Record<string, number>): void {
    const reduction = fields.some(({ kind }) => kind === 'reduction')
      ? reductions.indexOf(key.text as 'ss')
      : -1;
    if (reduction > 0) {
      if (values.red) throw errorAt(this.source, key, 'an instruction has one reduction, ss= or max=');
      this.#expect('=');
      values.red = reduction;
      values.sd = this.#value(fields.find(({ name }) => name === 'sd')!);
      return;
    }
    const hidden = ['red', 'sd', 'wr'];
    const field = fields.find(({ name, named }) => named && name === key.text && !hidden.includes(name));
    if (!field) {
      const names = fields
        .filter(({ named, name }) => named && !hidden.includes(name))
        .map(({ name, kind }) => (kind === 'flag' ? name : `${name}=`));
      const all = fields.some(({ kind }) => kind === 'reduction') ? [...names, 'ss=', 'max='] : names;
      throw errorAt(
        this.source,
        key,
        `found ${key.text}, expected ${all.join(' ') || 'the end of the line'}`,
      );
    }
    if (field.kind === 'flag') {
      values[field.name] = 1;
      return;
    }
    this.#expect('=');
    values[field.name] = this.#value(field);
    if (field.name === 'to') values.wr = 1;
  }

  #value(field: Field): number {
    const place = this.peek();
    const [min, max] = rangeOf(field);
    const prefix = { vector: 'v', bank: 'q', scalar: 's' }[field.kind as 'vector'];
    if (prefix) {
      const number = Number(new RegExp(`^${prefix}(0|[1-9]\\d?)$`).exec(place.text)?.[1] ?? Number.NaN);
      if (!(number <= max)) {
        throw errorAt(this.source, place, `found ${place.text}, expected ${prefix}0 to ${prefix}${max}`);
      }
      this.next();
      return number;
    }
    const value = evaluate(this);
    if (value < min || value > max) {
      throw errorAt(this.source, place, `${field.name}: found ${value}, expected ${min} to ${max}`);
    }
    return value - (field.bias ?? 0);
  }

  #targetName(): Token {
    const token = this.next();
    if (token.kind === 'name' || token.kind === 'integer') return token;
    throw errorAt(this.source, token, `found ${token.text}, expected a label or an address`);
  }

  #addressOf(target: Token): number {
    const address = target.kind === 'integer' ? Number(target.text) : this.#labels.get(target.text);
    if (address === undefined) {
      throw errorAt(this.source, target, `label ${target.text} is not defined`);
    }
    if (address < maxWords) return address;
    throw errorAt(this.source, target, `found address ${address}, expected 0 to ${maxWords - 1}`);
  }

  #expect(punctuation: string): void {
    // `sli s1, 0.25` has given mantissa and exponent at once.
    if (punctuation === ',' && this.#endsReal()) return;
    const token = this.next();
    if (token.text === punctuation) return;
    throw errorAt(this.source, token, `found ${token.text}, expected ${punctuation}`);
  }

  #endsReal(): boolean {
    return this.peek().kind === 'end' && this.#tokens[this.#at - 1]?.kind === 'real';
  }

  #unexpected(expected: string): Error {
    const token = this.peek();
    return errorAt(this.source, token, `found ${token.text}, expected ${expected}`);
  }
}
