/** The lifetime of one request: what ends it early, and why. */
import { ApiError } from './apiError.ts';

/** The client, and what ends its request early. */
export interface Caller {
  /** The API key or, without keys, the address: clients share the server evenly. */
  readonly client: string;
  readonly signal: AbortSignal;
}

export class Scope implements Caller {
  readonly client: string;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #ended: () => void;
  readonly #connection: AbortSignal;
  readonly #gone = () => this.abort(new ClientGoneError());
  readonly began = performance.now();
  #over = false;

  /**
   * @param seconds after which the request is given up
   * @param connection is aborted when the client has gone
   * @param ended is called once, whatever the end was
   */
  constructor(client: string, seconds: number, connection: AbortSignal, ended: () => void) {
    this.client = client;
    this.#ended = ended;
    this.#connection = connection;
    this.#timer = setTimeout(
      () => this.abort(new ApiError(504, timeOut(seconds), { code: 'timeout' })),
      1000 * seconds,
    );
    this.#timer.unref();
    if (connection.aborted) this.#gone();
    else connection.addEventListener('abort', this.#gone, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Seconds so far. */
  get seconds(): number {
    return (performance.now() - this.began) / 1000;
  }

  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    // Node keeps the signals of requests until the requests are collected: their references would keep memory alive.
    this.#connection.removeEventListener('abort', this.#gone);
    this.#ended();
  }
}

/** Does nothing: there is no listener. */
export class ClientGoneError extends Error {
  override name = 'ClientGoneError';

  constructor() {
    super('the client has gone');
  }
}

function timeOut(seconds: number): string {
  return `the request took longer than ${seconds} s; ask for fewer tokens`;
}
