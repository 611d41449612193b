/** Encodes requests as token ids, as lm-evaluation-harness does. */
import { InputError } from '../errors.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import type { Request } from './task.ts';

export interface TokenPair {
  /** At least one token. */
  readonly context: readonly number[];
  /** The scored tokens; at least one. */
  readonly continuation: readonly number[];
  /** The continuation was encoded without its context, because one token spans the boundary. */
  readonly encodedAlone?: true;
}

export class RequestEncoder {
  readonly #tokenizer: TextTokenizer;
  /** Tokens that the tokenizer puts before a text. */
  readonly #before: readonly number[];

  /** @param bos put the BOS token before each text; default: as the tokenizer's template does */
  constructor(tokenizer: TextTokenizer, bos?: boolean) {
    this.#tokenizer = tokenizer;
    const { bosTokenId } = tokenizer;
    const usual = beforeText(tokenizer);
    if (bos === true && bosTokenId === undefined) {
      throw new InputError('bos: the tokenizer has no bos token to put before a text; leave the option out');
    }
    this.#before = bos === false ? [] : bos && usual.length === 0 ? [bosTokenId!] : usual;
  }

  /** The token before a text without context: BOS, or EOS if there is none. */
  get prefix(): number {
    const { bosTokenId, eosTokenId } = this.#tokenizer;
    const id = bosTokenId ?? eosTokenId;
    if (id !== undefined) return id;
    throw new InputError('tokenizer: found no bos and no eos token, expected one to begin a text with');
  }

  /** Returns the ids of a text without special tokens around it. */
  text(text: string): number[] {
    return this.#tokenizer.encode(text, { addSpecialTokens: false, allowSpecial: true }); // as in lm-evaluation-harness
  }

  /**
   * Encodes both texts together and splits them after the number of tokens of the context alone. Trailing spaces of
   * the context move to the continuation, because a word's token includes the space before it.
   * @throws InputError if the continuation has no tokens
   */
  pair({ context, continuation }: Request): TokenPair {
    if (context === '') return this.#alone(continuation);
    const kept = context.trimEnd();
    const before = kept === '' ? [...this.#before] : [...this.#before, ...this.text(kept)];
    const whole = [...this.#before, ...this.text(context + continuation)];
    const rest = whole.slice(before.length);
    // One token spans the boundary: encode the continuation alone.
    if (rest.length === 0) return { ...this.#apart(before, continuation), encodedAlone: true };
    return { context: before.length > 0 ? before : [this.prefix], continuation: rest };
  }

  #apart(before: readonly number[], continuation: string): TokenPair {
    const ids = this.text(continuation);
    if (ids.length === 0) {
      throw new InputError(`continuation: found ${JSON.stringify(continuation)}, expected a text of tokens`);
    }
    return { context: before.length > 0 ? before : [this.prefix], continuation: ids };
  }

  #alone(continuation: string): TokenPair {
    const ids = this.text(continuation);
    const { prefix } = this;
    const own = ids[0] === prefix;
    const rest = own ? ids.slice(1) : ids;
    if (rest.length === 0) {
      throw new InputError(`continuation: found ${JSON.stringify(continuation)}, expected a text of tokens`);
    }
    return { context: [prefix], continuation: rest };
  }
}

/** Tokens that the tokenizer puts before a text; those that it puts after would separate context and continuation. */
function beforeText(tokenizer: TextTokenizer): readonly number[] {
  const [bare, full] = [tokenizer.encode('a', { addSpecialTokens: false }), tokenizer.encode('a')];
  const start = full.findIndex((_, at) => bare.every((id, k) => full[at + k] === id));
  return full.slice(0, Math.max(0, start));
}

/**
 * Splits a long text into windows of `length` tokens in which each token is predicted exactly once. The first window
 * begins with `prefix`; the last one overlaps tokens that were already scored, as context.
 * @param length context length in tokens, 1 or more
 */
export function rollingWindows(tokens: readonly number[], prefix: number, length: number): TokenPair[] {
  const windows: TokenPair[] = [];
  for (let done = 0; done < tokens.length; ) {
    const end = Math.min(tokens.length, done + length);
    // A window has `length` inputs and one more token, the last, which is only predicted.
    const start = Math.max(0, end - length - 1);
    const seen = done === 0 ? [prefix] : tokens.slice(start, done);
    windows.push({ context: seen, continuation: tokens.slice(done, end) });
    done = end;
  }
  return windows;
}
