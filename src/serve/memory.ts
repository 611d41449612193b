/**
 * The memory of the server. What requests hold, bodies and answers, is estimated before it is allocated and bounded
 * over all requests. With a max of the whole process, caches and requests share what the model leaves, and requests
 * are refused while the process is larger than it should be.
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
 * Bytes that all requests together may hold. Half are for whoever comes first; the other half is for clients that hold
 * less than their share of the first, so that nobody can lock the others out.
 */
export class RequestMemory {
  /** Bytes that one client may hold at least while it is alone. */
  readonly maxOfOne: number;
  readonly #held = new Map<string, number>();
  #used = 0;

  constructor(max: number) {
    this.maxOfOne = Math.floor(max / 2);
  }

  /** Bytes that are held. */
  get used(): number {
    return this.#used;
  }

  /** The share of one request. */
  open(client: string): RequestShare {
    return new RequestShare((bytes) => this.#change(client, bytes));
  }

  #change(client: string, bytes: number): void {
    const held = (this.#held.get(client) ?? 0) + bytes;
    if (bytes > 0 && !this.#hasRoom(client, held, this.#used + bytes))
      throw new ApiError(503, 'requests and answers hold all the memory they may; try again in a while', {
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
  readonly #change: (bytes: number) => void;
  #taken = 0;
  #released = false;

  constructor(change: (bytes: number) => void) {
    this.#change = change;
  }

  /** @throws ApiError if there is not as much */
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

/** Below this, a server could hold a few small requests only. */
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

/** The process collects garbage above the first share of the max, and takes no requests above the second. */
const collectAt = 0.75;
const refuseAt = 0.9;
/** Collecting takes at most this share of the time. */
const collectShare = 0.05;

/** Watches the size of the process. */
export class MemoryGuard {
  readonly #max: number;
  readonly #shrink: () => void;
  readonly #timer: NodeJS.Timeout;
  #nextCollection = 0;
  #full = false;

  /** @param shrink frees caches, when collecting garbage does not suffice */
  constructor(max: number, shrink: () => void) {
    this.#max = max;
    this.#shrink = shrink;
    this.#timer = setInterval(() => this.#watch(), 100);
    this.#timer.unref();
  }

  /** @throws ApiError while there is no room for another request */
  check(): void {
    if (!this.#full && process.memoryUsage.rss() < refuseAt * this.#max) return;
    throw new ApiError(503, 'the server has used up its memory; try again in a while', {
      code: 'out_of_memory',
      retryAfter: 2,
    });
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #watch(): void {
    const before = performance.now();
    if (process.memoryUsage.rss() > collectAt * this.#max && before > this.#nextCollection) {
      collectGarbage();
      if (process.memoryUsage.rss() > refuseAt * this.#max) this.#shrink();
      this.#nextCollection = before + (performance.now() - before) / collectShare;
    }
    this.#full = process.memoryUsage.rss() > refuseAt * this.#max;
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
