/** Assembly text to tokens, with places for error messages. */
import { InputError } from '../errors.ts';

export interface Token {
  readonly kind: 'name' | 'integer' | 'real' | 'punctuation' | 'end';
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

const patterns = [
  ['name', /[A-Za-z_.][\w.]*/y],
  ['real', /\d+(\.\d+(e[+-]?\d+)?|e[+-]?\d+)/iy],
  ['integer', /0x[\da-f]+|0b[01]+|\d+/iy],
  ['punctuation', /[,:=()+*-]/y],
] as const;

/** The error of a place in a source: `file:line:column: message`. */
export function errorAt(source: string, { line, column }: Token, message: string): InputError {
  return new InputError(`${source}:${line}:${column}: ${message}`);
}

/** Tokens of one line, the last of kind `end`; comments begin with `;`. */
export function tokensOf(source: string, text: string, line: number): Token[] {
  const code = text.replace(/;.*$/, '').trimEnd();
  const tokens: Token[] = [];
  let at = 0;
  while (at < code.length) {
    if (/\s/.test(code[at]!)) {
      at++;
      continue;
    }
    const token = tokenAt(code, at, line);
    if (!token) {
      const found = { kind: 'end', text: '', line, column: at + 1 } as const;
      throw errorAt(
        source,
        found,
        `found ${JSON.stringify(code[at])}, expected a name, a number or one of , : = ( ) + - *`,
      );
    }
    tokens.push(token);
    at += token.text.length;
  }
  return [...tokens, { kind: 'end', text: 'the end of the line', line, column: code.length + 1 }];
}

function tokenAt(code: string, at: number, line: number): Token | undefined {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const found = pattern.exec(code)?.[0];
    if (!found) continue;
    // `12ab` is a misspelt number, not a number and a name.
    if (kind === 'integer' && /[\w.]/.test(code[at + found.length] ?? '')) return undefined;
    return { kind, text: found, line, column: at + 1 };
  }
  return undefined;
}
