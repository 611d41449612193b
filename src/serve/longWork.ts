/**
 * Long work on the thread that answers all clients: encoding long texts, scoring prompts, parsing large bodies and writing
 * large answers. It is done in slices of a few milliseconds, for which clients take turns. While sequences advance, it takes
 * the time that the thread has nothing else to do, and at most an eighth of the rest: steps of the batch hardly wait for it.
 */
import { performance } from 'node:perf_hooks';
import { FairQueue } from './fairQueue.ts';

const sliceMilliseconds = 3;
/** Maximum share of the thread's busy time while sequences advance. */
const busyShare = 1 / 8;

/** Who asks for work. */
export interface Worker {
  /** Clients take turns. */
  readonly client: string;
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds: now, and those in which the thread had nothing to do. */
export interface Clock {
  now(): number;
  idle(): number;
}

interface Job {
  /** Milliseconds that a slice counts at least. */
  readonly minimum: number;
  /** Does work until `end`. Returns whether it is done. */
  readonly advance: (end: number) => boolean;
}

const clockOfThread: Clock = {
  now: () => performance.now(),
  idle: () => performance.eventLoopUtilization().idle,
};

export class LongWork {
  readonly #clock: Clock;
  readonly #queue = new FairQueue<Job>();
  #isLimited = false;
  #isScheduled = false;
  /** The last slice: when it ended, the idle time then, and how long it took. */
  #last = { end: Number.NEGATIVE_INFINITY, idle: 0, took: 0 };

  constructor(clock: Clock = clockOfThread) {
    this.#clock = clock;
  }

  /** Works that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Says whether sequences advance, which must not wait long. */
  set limited(isLimited: boolean) {
    this.#isLimited = isLimited;
  }

  /**
   * Does work that cannot pause, as one slice.
   * @param minimum milliseconds that it counts at least, for what has been done before
   * @throws as `run`
   */
  once<T>(work: () => T, worker: Worker, minimum = 0): Promise<T> {
    return this.run(onlyStep(work), worker, minimum);
  }

  /**
   * Does work in slices.
   * @param work yields where it can pause
   * @throws the signal's reason, once aborted
   */
  run<T>(work: Iterator<unknown, T>, { client, signal }: Worker, minimum = 0): Promise<T> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const ended = () => signal?.removeEventListener('abort', aborted);
      const job: Job = {
        minimum,
        advance: (end) => {
          try {
            do {
              const { done, value } = work.next();
              if (!done) continue;
              resolve(value);
              ended();
              return true;
            } while (this.#clock.now() < end);
            return false;
          } catch (error) {
            reject(error);
            ended();
            return true;
          }
        },
      };
      const aborted = () => {
        this.#queue.delete(client, job);
        reject(signal!.reason);
      };
      signal?.addEventListener('abort', aborted, { once: true });
      this.#queue.add(client, job);
      this.#schedule();
    });
  }

  /** Other events of the thread are handled between two slices. */
  #schedule(): void {
    if (this.#isScheduled || this.#queue.size === 0) return;
    this.#isScheduled = true;
    const run = () => {
      this.#isScheduled = false;
      if (this.#mayRun()) this.#slice();
      this.#schedule();
    };
    if (this.#mayRun()) setImmediate(run);
    else setTimeout(run, 1);
  }

  #mayRun(): boolean {
    if (!this.#isLimited) return true;
    const { end, idle, took } = this.#last;
    const idled = this.#clock.idle() - idle;
    const busy = this.#clock.now() - end - idled;
    return idled + busy * (busyShare / (1 - busyShare)) >= took;
  }

  #slice(): void {
    const client = this.#queue.nextClient(() => 0);
    const job = this.#queue.next(() => 0);
    if (client === undefined || !job) return;
    const began = this.#clock.now();
    if (!job.advance(began + sliceMilliseconds)) this.#queue.add(client, job, true);
    const end = this.#clock.now();
    this.#last = { end, idle: this.#clock.idle(), took: Math.max(end - began, job.minimum) };
  }
}

// biome-ignore lint/correctness/useYield: work that cannot pause
function* onlyStep<T>(work: () => T): Generator<never, T> {
  return work();
}
