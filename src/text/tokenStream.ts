/** Token ids into text, piece by piece. */
import type { TokenBytes } from './tokenBytes.ts';

/**
 * Turns ids into text as they come, with work bounded by the token. A piece never ends inside a character:
 * bytes wait until the character is whole. All pieces and `end()` joined equal the decoding of all ids at once.
 */
export class TokenStream {
  readonly #bytes: TokenBytes;
  readonly #skipped: ReadonlySet<number>;
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  #atStart: boolean;

  /** @param skipped ids that give no text */
  constructor(bytes: TokenBytes, skipped: ReadonlySet<number>) {
    this.#bytes = bytes;
    this.#skipped = skipped;
    this.#atStart = bytes.dropsFirstSpace;
  }

  /** The text that became complete with this token; often '' for part of a character. */
  push(id: number): string {
    if (this.#skipped.has(id)) return '';
    return this.#begin(this.#utf8.decode(this.#bytes.of(id), { stream: true }));
  }

  /** The rest: U+FFFD if the ids ended inside a character. The stream can then start a new text. */
  end(): string {
    const rest = this.#begin(this.#utf8.decode());
    this.#atStart = this.#bytes.dropsFirstSpace;
    return rest;
  }

  #begin(piece: string): string {
    if (!this.#atStart || piece === '') return piece;
    this.#atStart = false;
    return piece.startsWith(' ') ? piece.slice(1) : piece;
  }
}
