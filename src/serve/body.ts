/** Request bodies: JSON, bounded singly and together. */
import type { IncomingMessage } from 'node:http';
import { ApiError } from './apiError.ts';
import type { LongWork } from './longWork.ts';
import { bytesPerBodyByte, type RequestShare } from './memory.ts';
import { ClientGoneError } from './scope.ts';

/** Chunks that any body may have; beyond them, chunks must hold a minimum of bytes on average. */
const freeChunks = 100;
const minChunkBytes = 64;
/** Parsing a larger body takes milliseconds, and cannot pause. */
const largeBody = 65_536;

export class BodyReader {
  readonly #max: number;
  readonly #longWork: LongWork;

  /** @param max maximum bytes of one body */
  constructor(max: number, longWork: LongWork) {
    this.#max = max;
    this.#longWork = longWork;
  }

  /**
   * @param share the memory that the request may hold, which also covers the parsed body
   * @throws ApiError if it is too large, or not JSON
   */
  async json(request: IncomingMessage, share: RequestShare): Promise<unknown> {
    const type = request.headers['content-type'] ?? 'none';
    // Other web pages can send other types without permission, and must not use a server on this machine.
    if (!/^application\/json\b/i.test(type))
      throw new ApiError(415, `content-type: found ${type.slice(0, 60)}, expected application/json`);
    if (Number(request.headers['content-length'] ?? 0) > this.#max) throw this.#tooLarge();
    const bytes = await this.#bytes(request, share);
    share.take((bytesPerBodyByte - 1) * bytes.length);
    return bytes.length > largeBody ? this.#longWork.once(() => parsed(bytes), share) : parsed(bytes);
  }

  /**
   * Reads with a handler, not as an iterator: a chunk of a byte costs an iterator several turns of the event loop, for
   * which all clients wait. After an error the rest is not read; very small chunks close the connection, because parsing
   * what has already arrived of them takes long too.
   */
  async #bytes(request: IncomingMessage, share: RequestShare): Promise<Uint8Array> {
    if (request.destroyed) throw new ClientGoneError(); // no further event would come
    const body = new GrowingBuffer(this.#max, share);
    return new Promise((resolve, reject) => {
      const refuse = (error: unknown) => {
        request.removeAllListeners('data');
        request.pause();
        reject(error);
      };
      let chunks = 0;
      request.on('data', (chunk: Uint8Array) => {
        if (body.length + chunk.length > this.#max) return refuse(this.#tooLarge());
        if (++chunks > freeChunks + body.length / minChunkBytes) {
          drop(request);
          return refuse(new ApiError(413, `body: expected at least ${minChunkBytes} bytes a chunk`));
        }
        try {
          body.add(chunk);
        } catch (error) {
          refuse(error);
        }
      });
      request.once('end', () => resolve(body.bytes));
      for (const event of ['error', 'close']) request.once(event, () => reject(new ClientGoneError()));
    });
  }

  #tooLarge(): ApiError {
    return new ApiError(413, `body: expected at most ${this.#max} bytes`);
  }
}

/** Node parses all that it has read of a socket, even once it is destroyed; it then drops the chunks, at half the cost. */
function drop(request: IncomingMessage & { _dump?(): void }): void {
  request.socket.destroy();
  request._dump?.();
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const found = (error as Error).message.slice(0, 100);
    throw new ApiError(400, `body: found text that is not JSON (${found})`);
  }
}

/** One buffer for all chunks: kept singly, chunks of a byte would take hundreds of bytes each. */
class GrowingBuffer {
  length = 0;
  readonly #max: number;
  readonly #share: RequestShare;
  #buffer = new Uint8Array();

  constructor(max: number, share: RequestShare) {
    this.#max = max;
    this.#share = share;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  /** @throws ApiError if the memory of requests is used up */
  add(chunk: Uint8Array): void {
    const length = this.length + chunk.length;
    if (length > this.#buffer.length) {
      const capacity = Math.min(Math.max(2 * this.#buffer.length, length, 4096), this.#max);
      this.#share.take(capacity - this.#buffer.length);
      const larger = new Uint8Array(capacity);
      larger.set(this.bytes);
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.length);
    this.length = length;
  }
}
