/** From a request to token ids, as lm-evaluation-harness does it. */
import { InputError } from '../errors.ts';
import type { TextTokenizer } from '../text/tokenizer.ts';
import type { Request } from './task.ts';

export interface TokenPair {
  /** At least one token. */
  readonly context: readonly number[];
  /** At least one token: what is scored. */
  readonly continuation: readonly number[];
  /** The continuation was encoded without its context, because one token spans the boundary. */
  readonly encodedAlone?: true;
}

export class RequestEncoder {
  readonly #tokenizer: TextTokenizer;
  /** What stands before a text by this tokenizer's habit. */
  readonly #before: readonly number[];

  /** @param bos put the bos token before each text; by default, if the tokenizer's own template does */
  constructor(tokenizer: TextTokenizer, bos?: boolean) {
    this.#tokenizer = tokenizer;
    const { bosTokenId } = tokenizer;
    const usual = beforeText(tokenizer);
    if (bos === true && bosTokenId === undefined) {
      throw new InputError('bos: the tokenizer has no bos token to put before a text; leave the option out');
    }
    this.#before = bos === false ? [] : bos && usual.length === 0 ? [bosTokenId!] : usual;
  }

  /** Begins a text that has nothing before it: bos, or else eos. */
  get prefix(): number {
    const { bosTokenId, eosTokenId } = this.#tokenizer;
    const id = bosTokenId ?? eosTokenId;
    if (id !== undefined) return id;
    throw new InputError('tokenizer: found no bos and no eos token, expected one to begin a text with');
  }

  /** Ids of a text, without any token around it. */
  text(text: string): number[] {
    return this.#tokenizer.encode(text, { addSpecialTokens: false, allowSpecial: true }); // as in lm-evaluation-harness
  }

  /**
   * Both texts are encoded together and divided at the number of tokens that the context has by itself; spaces at
   * the context's end go to the continuation, as words carry their space before them.
   * @throws InputError if the continuation has no token of its own
   */
  pair({ context, continuation }: Request): TokenPair {
    if (context === '') return this.#alone(continuation);
    const kept = context.trimEnd();
    const before = kept === '' ? [...this.#before] : [...this.#before, ...this.text(kept)];
    const whole = [...this.#before, ...this.text(context + continuation)];
    const rest = whole.slice(before.length);
    // One token spans the boundary: the continuation is encoded by itself.
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

/** Tokens that the tokenizer puts before a text; those after it would part context and continuation. */
function beforeText(tokenizer: TextTokenizer): readonly number[] {
  const [bare, full] = [tokenizer.encode('a', { addSpecialTokens: false }), tokenizer.encode('a')];
  const start = full.findIndex((_, at) => bare.every((id, k) => full[at + k] === id));
  return full.slice(0, Math.max(0, start));
}

/**
 * Divides a long text so that each token is foretold once, from as much as the model may see: windows of
 * `length` tokens, of which the first begins with `prefix`. The last window reaches back over tokens that were
 * scored already.
 * @param length tokens that a model sees at once, 1 or more
 */
export function rollingWindows(tokens: readonly number[], prefix: number, length: number): TokenPair[] {
  const windows: TokenPair[] = [];
  for (let done = 0; done < tokens.length; ) {
    const end = Math.min(tokens.length, done + length);
    // A window is `length` inputs: with the last token, which is only foretold, length + 1 in all.
    const start = Math.max(0, end - length - 1);
    const seen = done === 0 ? [prefix] : tokens.slice(start, done);
    windows.push({ context: seen, continuation: tokens.slice(done, end) });
    done = end;
  }
  return windows;
}
