/** Calls as Llama 3.2 and 4 write them, a list of Python's: `[clock(), add(a=1, b=[2, 'x'])]`. */
import type { ToolCall } from './toolCalls.ts';

/** Lists and dictionaries within one another. */
const maxDepth = 64;

export interface PythonicCalls {
  readonly calls: readonly ToolCall[];
  /** Characters of the list. */
  readonly length: number;
}

/**
 * Reads the list at the beginning of a text.
 * @returns `more` if the text ends within what may be one; undefined if it is none
 */
export function pythonicCalls(
  text: string,
  isTool: (name: string) => boolean,
): PythonicCalls | 'more' | undefined {
  const reader = new Reader(text);
  try {
    const calls = reader.list('[', ']', () => callAt(reader, isTool));
    return calls.length > 0 ? { calls, length: reader.at } : undefined;
  } catch (error) {
    if (error === ended) return 'more';
    if (error === wrong) return undefined;
    throw error;
  }
}

function callAt(reader: Reader, isTool: (name: string) => boolean): ToolCall {
  const name = reader.word();
  // The beginning of a name may be any tool's.
  if (!isTool(name)) throw reader.at === reader.text.length ? ended : wrong;
  const given = reader.list('(', ')', () => {
    const key = reader.word();
    reader.take('=');
    return [key, valueAt(reader, 1)] as const;
  });
  return { name, arguments: JSON.stringify(Object.fromEntries(given)) };
}

function valueAt(reader: Reader, depth: number): unknown {
  if (depth > maxDepth) throw wrong;
  const next = reader.peek();
  if (next === '[') return reader.list('[', ']', () => valueAt(reader, depth + 1));
  if (next === '(') return reader.list('(', ')', () => valueAt(reader, depth + 1));
  if (next === '{')
    return Object.fromEntries(
      reader.list('{', '}', () => {
        const key = reader.string();
        reader.take(':');
        return [key, valueAt(reader, depth + 1)] as const;
      }),
    );
  return next === '"' || next === "'" ? reader.string() : reader.scalar();
}

const ended = new Error('the text ends');
const wrong = new Error('this is no list of calls');
const constants = new Map<string, unknown>([
  ['True', true],
  ['False', false],
  ['None', null],
  ['true', true],
  ['false', false],
  ['null', null],
]);
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\n': '' };

class Reader {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The next character that is no space. */
  peek(): string {
    while (/\s/.test(this.text[this.at] ?? '')) this.at++;
    const next = this.text[this.at];
    if (next === undefined) throw ended;
    return next;
  }

  take(character: string): void {
    if (this.peek() !== character) throw wrong;
    this.at++;
  }

  /** Items between two signs, divided by commas. */
  list<T>(open: string, close: string, item: () => T): T[] {
    this.take(open);
    const items: T[] = [];
    while (this.peek() !== close) {
      items.push(item());
      if (this.peek() !== close) this.take(',');
    }
    this.at++;
    return items;
  }

  word(): string {
    this.peek();
    return this.#match(/[\w.-]+/y);
  }

  scalar(): unknown {
    const text = this.#match(/[\w.+-]+/y);
    if (this.at === this.text.length) throw ended; // it may continue
    if (constants.has(text)) return constants.get(text);
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) throw wrong;
    return Number(text);
  }

  string(): string {
    const quote = this.peek();
    if (quote !== '"' && quote !== "'") throw wrong;
    let found = '';
    for (this.at++; this.text[this.at] !== quote; this.at++) {
      if (this.text[this.at] === '\\') found += this.#escape();
      else found += this.text[this.at] ?? '';
      if (this.at >= this.text.length) throw ended;
    }
    this.at++;
    return found;
  }

  #escape(): string {
    const next = this.text[++this.at];
    if (next === undefined) throw ended;
    if (next !== 'u' && next !== 'x') return escapes[next] ?? next;
    const digits = this.text.slice(this.at + 1, this.at + (next === 'u' ? 5 : 3));
    if (this.at + digits.length + 1 >= this.text.length) throw ended;
    if (!/^[0-9a-f]+$/i.test(digits)) throw wrong;
    this.at += digits.length;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const [found] = pattern.exec(this.text) ?? [];
    if (found === undefined) throw wrong;
    this.at += found.length;
    return found;
  }
}
