/** Bodies of requests: JSON, bounded each and all together. */
import { ApiError } from './apiError.ts';

export class BodyReader {
  readonly #most: number;
  readonly #mostOfAll: number;
  #received = 0;

  /** @param most bytes of one body; @param mostOfAll bytes of all that are being received */
  constructor(most: number, mostOfAll: number) {
    this.#most = most;
    this.#mostOfAll = mostOfAll;
  }

  /** @throws ApiError if it is too large, or no JSON */
  async json(request: Request): Promise<unknown> {
    const type = request.headers.get('content-type') ?? 'none';
    // Web pages elsewhere can send other types without asking: a server on this machine is not theirs to use.
    if (!/^application\/json\b/i.test(type))
      throw new ApiError(415, `content-type: found ${type.slice(0, 60)}, expected application/json`);
    if (Number(request.headers.get('content-length') ?? 0) > this.#most) throw this.#tooLarge();
    const bytes = await this.#bytes(request);
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (error) {
      throw new ApiError(400, `body: found no JSON (${(error as Error).message.slice(0, 100)})`);
    }
  }

  /** Copies chunks into one growing buffer: kept as they come, chunks of a byte would take hundreds of bytes each. */
  async #bytes(request: Request): Promise<Uint8Array> {
    let bytes = new Uint8Array();
    let length = 0;
    try {
      for await (const part of bodyOf(request)) {
        if (length + part.length > this.#most) throw this.#tooLarge();
        if (length + part.length > bytes.length) bytes = this.#grown(bytes, length, length + part.length);
        bytes.set(part, length);
        length += part.length;
      }
    } finally {
      this.#received -= bytes.length;
    }
    return bytes.subarray(0, length);
  }

  #grown(bytes: Uint8Array, length: number, least: number): Uint8Array<ArrayBuffer> {
    const capacity = Math.min(Math.max(2 * bytes.length, least, 4096), this.#most);
    const more = capacity - bytes.length;
    if (this.#received + more > this.#mostOfAll)
      throw new ApiError(429, 'too many large requests at the same time', { retryAfter: 1 });
    this.#received += more;
    const larger = new Uint8Array(capacity);
    larger.set(bytes.subarray(0, length));
    return larger;
  }

  #tooLarge(): ApiError {
    return new ApiError(413, `body: expected at most ${this.#most} bytes`);
  }
}

/** Node's streams can be iterated over, which the types of browsers do not say. */
function bodyOf(request: Request): AsyncIterable<Uint8Array> | Uint8Array[] {
  return (request.body as unknown as AsyncIterable<Uint8Array> | null) ?? [];
}
