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

  /** What `push` gives for all of them. Calls of the decoder cost more than the bytes, so it is called once for many. */
  pushAll(ids: Iterable<number>): string {
    const buffer = new Uint8Array(8192);
    let text = '';
    let used = 0;
    const decode = (bytes: Uint8Array) => {
      text += this.#begin(this.#utf8.decode(bytes, { stream: true }));
    };
    for (const id of ids) {
      if (this.#skipped.has(id)) continue;
      const bytes = this.#bytes.of(id);
      if (used + bytes.length > buffer.length) {
        decode(buffer.subarray(0, used));
        used = 0;
      }
      if (bytes.length > buffer.length) decode(bytes);
      else {
        buffer.set(bytes, used);
        used += bytes.length;
      }
    }
    decode(buffer.subarray(0, used));
    return text;
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
