/**
 * Long work on the thread that answers all clients: encoding long texts, scoring prompts, writing large answers. It is
 * done in slices of a few milliseconds, for which clients take turns. While the engine computes a step, slices follow one
 * another; between two steps at most one runs. So long work delays no sequence's next token by more than a slice or two.
 */
import { FairQueue } from './fairQueue.ts';

const sliceMilliseconds = 3;

export interface Worker {
  /** Clients take turns. */
  readonly client: string;
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  readonly client: string;
  readonly grant: () => void;
}

export class LongWork {
  readonly #queue = new FairQueue<Waiter>();
  #phase: 'idle' | 'computing' | 'between' = 'idle';
  /** Whether a slice has run since the last step began. */
  #hasRun = false;
  #isScheduled = false;

  /** Slices that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** The engine computes a step. */
  stepBegan(): void {
    this.#phase = 'computing';
    this.#hasRun = false;
    this.#schedule();
  }

  /** The step's results are being delivered, and the next step prepared. */
  stepEnded(): void {
    this.#phase = 'between';
  }

  /** No sequence has tokens to read. */
  stepsPaused(): void {
    this.#phase = 'idle';
    this.#schedule();
  }

  /**
   * Does pausable work, a slice at a time.
   * @param work yields where it can pause
   * @throws the signal's reason, once aborted
   */
  async run<T>(work: Iterator<unknown, T>, worker: Worker): Promise<T> {
    for (;;) {
      await this.turn(worker);
      const end = performance.now() + sliceMilliseconds;
      do {
        const { done, value } = work.next();
        if (done) return value;
      } while (performance.now() < end);
    }
  }

  /**
   * Resolves when the client may hold the thread for a slice.
   * @throws the signal's reason, once aborted
   */
  async turn({ client, signal }: Worker): Promise<void> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const aborted = () => {
        this.#queue.delete(client, waiter);
        reject(signal!.reason);
      };
      const grant = () => {
        signal?.removeEventListener('abort', aborted);
        resolve();
      };
      const waiter: Waiter = { client, grant };
      this.#queue.add(client, waiter);
      signal?.addEventListener('abort', aborted, { once: true });
      this.#schedule();
    });
  }

  get #mayRun(): boolean {
    return this.#queue.size > 0 && (this.#phase !== 'between' || !this.#hasRun);
  }

  /** One slice in each turn of the event loop, so that requests are received meanwhile. */
  #schedule(): void {
    if (this.#isScheduled || !this.#mayRun) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.#mayRun) return;
      this.#hasRun = true;
      this.#queue.next(() => 0)!.grant();
      this.#schedule();
    });
  }
}
