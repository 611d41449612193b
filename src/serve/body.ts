/** Request bodies: JSON, bounded singly and together. */
import { ApiError } from './apiError.ts';
import { bytesPerBodyByte, type RequestShare } from './memory.ts';

export class BodyReader {
  readonly #max: number;

  /** @param max maximum bytes of one body */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * @param share the memory that the request may hold, which also covers the parsed body
   * @throws ApiError if it is too large, or not JSON
   */
  async json(request: Request, share: RequestShare): Promise<unknown> {
    const type = request.headers.get('content-type') ?? 'none';
    // Other web pages can send other types without permission, and must not use a server on this machine.
    if (!/^application\/json\b/i.test(type))
      throw new ApiError(415, `content-type: found ${type.slice(0, 60)}, expected application/json`);
    if (Number(request.headers.get('content-length') ?? 0) > this.#max) throw this.#tooLarge();
    const bytes = await this.#bytes(request, share);
    share.take((bytesPerBodyByte - 1) * bytes.length);
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (error) {
      throw new ApiError(
        400,
        `body: found text that is not JSON (${(error as Error).message.slice(0, 100)})`,
      );
    }
  }

  /** Copies chunks into one growing buffer: kept singly, chunks of a byte would take hundreds of bytes each. */
  async #bytes(request: Request, share: RequestShare): Promise<Uint8Array> {
    let bytes = new Uint8Array();
    let length = 0;
    for await (const part of bodyOf(request)) {
      if (length + part.length > this.#max) throw this.#tooLarge();
      if (length + part.length > bytes.length) {
        const capacity = Math.min(Math.max(2 * bytes.length, length + part.length, 4096), this.#max);
        share.take(capacity - bytes.length);
        const larger = new Uint8Array(capacity);
        larger.set(bytes.subarray(0, length));
        bytes = larger;
      }
      bytes.set(part, length);
      length += part.length;
    }
    return bytes.subarray(0, length);
  }

  #tooLarge(): ApiError {
    return new ApiError(413, `body: expected at most ${this.#max} bytes`);
  }
}

/** Node's streams are async iterable; the browsers' types do not know it. */
function bodyOf(request: Request): AsyncIterable<Uint8Array> | Uint8Array[] {
  return (request.body as unknown as AsyncIterable<Uint8Array> | null) ?? [];
}
