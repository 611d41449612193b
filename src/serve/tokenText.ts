/** Tokens as the API shows them. */
import type { TextTokenizer } from '../text/tokenizer.ts';
import type { TokenLogprob } from './logProbability.ts';

type Tokenizer = Pick<TextTokenizer, 'bytes'>;

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

/** Keeps the texts of a tokenizer's tokens by id: decoding bytes is slow, and an answer may name thousands of tokens. */
function kept(textOf: (bytes: Uint8Array) => string): (tokenizer: Tokenizer, id: number) => string {
  const texts = new WeakMap<Tokenizer, Map<number, string>>();
  return (tokenizer, id) => {
    const known = texts.get(tokenizer) ?? new Map<number, string>();
    texts.set(tokenizer, known);
    const text = known.get(id) ?? textOf(tokenizer.bytes(id));
    known.set(id, text);
    return text;
  };
}

/** The token's text; of a part of a character, `bytes:\xe2\x80`, so that different tokens look different. */
export const tokenName = kept((bytes) => {
  try {
    return strict.decode(bytes);
  } catch {
    return `bytes:${[...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
  }
});

const lenientText = kept((bytes) => lenient.decode(bytes));

/** An entry of a chat's `logprobs.content`. */
export function chatLogprob(tokenizer: Tokenizer, { id, logprob, top }: TokenLogprob) {
  const entry = (token: { readonly id: number; readonly logprob: number }) => ({
    token: lenientText(tokenizer, token.id),
    logprob: token.logprob,
    bytes: [...tokenizer.bytes(token.id)],
  });
  return { ...entry({ id, logprob }), top_logprobs: top.map(entry) };
}

/** The most probable tokens by name, with the token itself; of two with one name, the more probable counts. */
export function topByName(tokenizer: Tokenizer, { id, logprob, top }: TokenLogprob): Record<string, number> {
  const found: Record<string, number> = Object.create(null);
  for (const token of [...top, { id, logprob }]) {
    const name = tokenName(tokenizer, token.id);
    found[name] = Math.max(found[name] ?? Number.NEGATIVE_INFINITY, token.logprob);
  }
  return found;
}

/** Converts growing offsets in UTF-16 units of a growing text to code points, which most clients use. */
export class CodePoints {
  #text = '';
  #units = 0;
  #points = 0;

  add(text: string): void {
    this.#text += text;
  }

  at(units: number): number {
    this.#points += [...this.#text.slice(this.#units, units)].length;
    this.#units = Math.max(this.#units, units);
    return this.#points;
  }
}
