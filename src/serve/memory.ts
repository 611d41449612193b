/**
 * The memory of the server. The memory of requests, bodies and answers, is estimated before it is allocated and bounded
 * over all requests. If the whole process has a limit, caches and requests share what the model leaves, and requests are
 * refused while the process exceeds it.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { InputError } from '../errors.ts';
import { ApiError } from './apiError.ts';

/** A token in an answer with log-probabilities, or an alternative listed for it: objects, names and JSON. */
export const bytesPerListedToken = 256;
/** A parsed body takes this many times the bytes of its text. */
export const bytesPerBodyByte = 8;

/**
 * Bytes that all requests together may hold. Half are granted in order of arrival; the other half is for clients that hold
 * less than their share of the first, so that no client can lock the others out.
 */
export class RequestMemory {
  /** Minimum bytes that one client may hold while it is alone. */
  readonly maxOfOne: number;
  readonly #held = new Map<string, number>();
  #used = 0;

  constructor(max: number) {
    this.maxOfOne = Math.floor(max / 2);
  }

  /** Bytes held now. */
  get used(): number {
    return this.#used;
  }

  /** The share of one request. */
  open(client: string): RequestShare {
    return new RequestShare(client, (bytes) => this.#change(client, bytes));
  }

  #change(client: string, bytes: number): void {
    const held = (this.#held.get(client) ?? 0) + bytes;
    if (bytes > 0 && !this.#hasRoom(client, held, this.#used + bytes))
      throw new ApiError(503, 'requests and answers hold all the memory available to them; try again later', {
        code: 'out_of_memory',
        retryAfter: 2,
      });
    this.#used += bytes;
    if (held === 0) this.#held.delete(client);
    else this.#held.set(client, held);
  }

  #hasRoom(client: string, held: number, used: number): boolean {
    if (used <= this.maxOfOne) return true;
    const clients = this.#held.size + (this.#held.has(client) ? 0 : 1);
    return held <= this.maxOfOne / clients && used <= 2 * this.maxOfOne;
  }
}

export class RequestShare {
  readonly client: string;
  readonly #change: (bytes: number) => void;
  #taken = 0;
  #released = false;

  constructor(client: string, change: (bytes: number) => void) {
    this.client = client;
    this.#change = change;
  }

  /** @throws ApiError if there is not enough memory */
  take(bytes: number): void {
    if (this.#released) return; // the client has gone
    this.#change(bytes);
    this.#taken += bytes;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#change(-this.#taken);
  }
}

export interface MemoryShares {
  readonly cacheBytes: number;
  readonly requestBytes: number;
}

/** With less, a server could hold only a few small requests. */
const minRest = 64e6;

/**
 * Divides what the model leaves of `max` bytes: a quarter each for the state cache and for requests, the rest for the
 * programs of steps, code and garbage.
 * @throws InputError if the model leaves too little
 */
export function memoryShares(max: number, used: number): MemoryShares {
  const rest = max - used;
  if (rest >= minRest) return { cacheBytes: Math.floor(rest / 4), requestBytes: Math.floor(rest / 4) };
  const megabytes = (bytes: number) => Math.ceil(bytes / 1e6);
  throw new InputError(
    `--memory-mb: found ${megabytes(max)}, expected at least ${megabytes(used + minRest)} for this model`,
  );
}

/** Above the first share of the limit the process collects garbage, above the second it takes no requests. */
const collectAt = 0.75;
const refuseAt = 0.9;
/** Maximum share of the time that collecting may take. */
const collectShare = 0.05;

/** Watches the size of the process. */
export class MemoryGuard {
  readonly #max: number;
  readonly #shrink: () => void;
  readonly #timer: NodeJS.Timeout;
  #nextCollection = 0;
  #nextReading = 0;
  #full = false;

  /** @param shrink frees caches when collecting garbage is not enough */
  constructor(max: number, shrink: () => void) {
    this.#max = max;
    this.#shrink = shrink;
    this.#timer = setInterval(() => this.#watch(), 100);
    this.#timer.unref();
  }

  /** @throws ApiError while there is no room for another request */
  check(): void {
    this.#measure();
    if (!this.#full) return;
    throw new ApiError(503, 'the server has used up its memory; try again later', {
      code: 'out_of_memory',
      retryAfter: 2,
    });
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Reading the size of the process takes up to a millisecond: at most every 20 ms, however many requests come. */
  #measure(): void {
    const now = performance.now();
    if (now < this.#nextReading) return;
    this.#full = process.memoryUsage.rss() > refuseAt * this.#max;
    this.#nextReading = now + 20;
  }

  #watch(): void {
    const before = performance.now();
    if (process.memoryUsage.rss() > collectAt * this.#max && before > this.#nextCollection) {
      collectGarbage();
      if (process.memoryUsage.rss() > refuseAt * this.#max) this.#shrink();
      this.#nextCollection = before + (performance.now() - before) / collectShare;
    }
    this.#nextReading = 0;
    this.#measure();
  }
}

let collector: (() => void) | undefined;

function collectGarbage(): void {
  if (!collector) {
    setFlagsFromString('--expose-gc');
    collector = runInNewContext('gc') as () => void;
    setFlagsFromString('--no-expose-gc');
  }
  collector();
}
