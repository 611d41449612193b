/**
 * Distributes experiments over ranks. Every rank executes the same study and receives the same results, and so
 * requests the same experiments, though not at the same moment. A single process runs them one after another.
 */
import type { Group } from '../mpi/group.ts';
import { TimeUpError } from './study.ts';

/** Result of an experiment as JSON can hold it, or the reason why there was no time for it. */
interface Outcome {
  readonly result?: unknown;
  readonly timeUp?: string;
}

interface Asked {
  readonly carryOut: () => Promise<unknown>;
  readonly answer: Promise<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class Experiments {
  readonly #group: Group;
  readonly #signal: AbortSignal;
  /** By name, in order of request. */
  readonly #asked = new Map<string, Asked>();
  #works = false;

  constructor(group: Group, signal: AbortSignal) {
    this.#group = group;
    this.#signal = signal;
  }

  /**
   * Returns the result of an experiment after a round trip through JSON, so that it is the same on every rank and after
   * an interruption.
   * @param name identifies the experiment on all ranks
   * @throws TimeUpError if there is no time left for it; the signal's reason, once aborted
   */
  ask<R>(name: string, carryOut: () => Promise<R>): Promise<R> {
    const earlier = this.#asked.get(name);
    if (earlier) return earlier.answer as Promise<R>;
    const { promise: answer, resolve, reject } = Promise.withResolvers<unknown>();
    this.#asked.set(name, { carryOut, answer, resolve, reject });
    if (!this.#works) void this.#work();
    return answer as Promise<R>;
  }

  async #work(): Promise<void> {
    this.#works = true;
    try {
      await letStudyAsk();
      while (this.#asked.size > 0) {
        await this.#round();
        await letStudyAsk();
      }
    } catch (error) {
      for (const { reject } of this.#asked.values()) reject(error);
      this.#asked.clear();
    } finally {
      this.#works = false;
    }
  }

  /** Runs one experiment on each rank, of those that all ranks have requested. */
  async #round(): Promise<void> {
    this.#signal.throwIfAborted();
    const { rank, size } = this.#group;
    const [first, ...others] = await this.#group.gather([...this.#asked.keys()]);
    const names = first!.filter((name) => others.every((theirs) => theirs.includes(name))).slice(0, size);
    if (names.length === 0) return;
    const own = names[rank] === undefined ? {} : await outcomeOf(this.#asked.get(names[rank])!.carryOut);
    const outcomes = await this.#group.gather(JSON.stringify(own));
    for (const [index, name] of names.entries()) {
      const { resolve, reject } = this.#asked.get(name)!;
      this.#asked.delete(name);
      const { result, timeUp } = JSON.parse(outcomes[index]!) as Outcome;
      if (timeUp === undefined) resolve(result);
      else reject(new TimeUpError(timeUp));
    }
  }
}

async function outcomeOf(carryOut: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { result: await carryOut() };
  } catch (error) {
    if (error instanceof TimeUpError) return { timeUp: error.message };
    throw error;
  }
}

/** Lets the study process results and request the experiments that follow from them. */
function letStudyAsk(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
