/** The page's side of the worker: calls that report progress and can be stopped. */
import type { Calls, FromWorker, Method, ToWorker } from './protocol.ts';

/** Wrong input; the message says what is wrong. */
export class Refusal extends Error {
  override name = 'Refusal';
}

interface Pending {
  readonly onEvent: (event: unknown) => void;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

export interface CallOptions<E> {
  readonly onEvent?: (event: E) => void;
  /** Once this is aborted, the call receives nothing more, even if the worker is still busy. */
  readonly signal?: AbortSignal;
}

const unfetched =
  'The part that computes could not be fetched; if trying again does not help, reload the page';

export class Client {
  #worker: Worker | undefined;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;

  #start(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#receive(data);
    worker.onerror = ({ message = unfetched }) => {
      if (message === unfetched) this.#worker = undefined; // the next call tries again
      for (const { reject } of this.#pending.values()) reject(new Error(message));
      this.#pending.clear();
    };
    return worker;
  }

  call<M extends Method>(
    method: M,
    request: Calls[M]['request'],
    { onEvent, signal }: CallOptions<Calls[M]['event']> = {},
  ): Promise<Calls[M]['result']> {
    const id = this.#calls++;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted(); // while something else was awaited before this call
      this.#pending.set(id, { onEvent: (event) => onEvent?.(event as never), resolve, reject });
      signal?.addEventListener('abort', () => {
        if (!this.#pending.delete(id)) return;
        this.#send({ id, stop: true });
        reject(signal.reason);
      });
      this.#send({ id, method, request });
    });
  }

  #send(message: ToWorker): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage(message);
  }

  #receive(message: FromWorker): void {
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if ('event' in message) {
      pending.onEvent(message.event);
      return;
    }
    this.#pending.delete(message.id);
    if ('result' in message) pending.resolve(message.result as never);
    else pending.reject(new (message.wrong ? Refusal : Error)(message.error));
  }
}
