/** The worker threads of the CPU engine, in Node and in browsers. */
import { startThread, type Thread } from '#platform';
import { DisposedError } from '../../errors.ts';
import type { ThreadSetup } from './threadSetup.ts';

export class WorkerPool {
  readonly #threads: Thread[];
  #running: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #failure: Error | undefined;

  private constructor(threads: Thread[]) {
    this.#threads = threads;
  }

  /** Starts one thread per setup and waits until all are ready. */
  static async start(setups: readonly ThreadSetup[]): Promise<WorkerPool> {
    const pool = new WorkerPool(await Promise.all(setups.map(startThread)));
    const ready = pool.#threads.map(
      (thread) =>
        new Promise<void>((resolve) => {
          thread.onMessage((message) => {
            if (message === 'ready') resolve();
            else pool.#finish();
          });
        }),
    );
    const failed = new Promise<never>((_, reject) => {
      for (const thread of pool.#threads) {
        thread.onError((error) => {
          reject(error);
          pool.#fail(error);
        });
      }
    });
    await Promise.race([Promise.all(ready), failed]);
    failed.catch(() => {}); // later failures reject the pending run
    for (const thread of pool.#threads) thread.keepAlive(false);
    return pool;
  }

  /** Resolves when a thread reports the end of the run that `raise` starts. */
  run(raise: () => void): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#running)
      return Promise.reject(new Error('the CPU engine is running already: runs must not overlap'));
    return new Promise((resolve, reject) => {
      this.#running = { resolve, reject };
      this.#threads[0]!.keepAlive(true);
      raise();
    });
  }

  terminate(): void {
    this.#fail(new DisposedError('the model was disposed; load it again to use it'));
  }

  #finish(): void {
    this.#threads[0]!.keepAlive(false);
    const running = this.#running;
    this.#running = undefined;
    running?.resolve();
  }

  /** A dead thread would leave the others waiting for its pieces, so all end. */
  #fail(error: Error): void {
    if (this.#failure) return; // The exits of the threads that were ended come here, too.
    this.#failure = error;
    for (const thread of this.#threads) thread.terminate();
    this.#running?.reject(error);
    this.#running = undefined;
  }
}
