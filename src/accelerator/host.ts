/** A token for each slot; undefined where a slot is inactive. */
export type Tokens = readonly (number | undefined)[];

/** The other side of `tin` and `tout`: who gives tokens and takes them. */
export interface Host {
  /**
   * The next tokens (a number alone is the first slot's), 'end' if there are none any more, undefined if they are not
   * there yet.
   */
  next(): number | Tokens | 'end' | undefined;
  /** Receives what came out of a slot. */
  take(token: number, slot: number): void;
}

/** As an array. */
export function tokensOf(next: number | Tokens): Tokens {
  return typeof next === 'number' ? [next] : next;
}

/** Reads a prompt, then feeds each token that comes out in again, until there are `count` of them. */
export class GreedyHost implements Host {
  readonly generated: number[] = [];
  readonly #prompt: readonly number[];
  readonly #count: number;
  #given = 0;
  #outputs = 0;

  constructor(prompt: readonly number[], count: number) {
    this.#prompt = prompt;
    this.#count = count;
  }

  next(): number | 'end' | undefined {
    if (this.#given < this.#prompt.length) return this.#prompt[this.#given++];
    // Each token read gives one out; the first to count is that of the prompt's last token.
    if (this.generated.length >= this.#count) return 'end';
    if (this.#outputs < this.#given) return undefined;
    this.#given++;
    return this.generated.at(-1);
  }

  take(token: number): void {
    this.#outputs++;
    if (this.#outputs >= this.#prompt.length) this.generated.push(token);
  }
}
