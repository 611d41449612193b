/**
 * Distributes experiments over ranks. Every rank executes the same study and receives the same results, and so
 * requests the same experiments, though not at the same moment. A single process runs them one after another. Processes
 * that do not know of each other share them too: an experiment that another process has begun comes last, and then its
 * result is read.
 */
import type { Group } from '../mpi/group.ts';
import { TimeUpError } from './study.ts';

/** Thrown by an experiment that another process is doing. */
export class TakenError extends Error {
  override name = 'TakenError';
}

/** Result of an experiment as JSON can hold it, or the reason why there is none. */
interface Outcome {
  readonly result?: unknown;
  /** There was no time for it. */
  readonly timeUp?: string;
  /** Another process is doing it. */
  readonly taken?: true;
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
      let taken = 0;
      while (this.#asked.size > 0) {
        taken = (await this.#round()) ? 0 : taken + 1;
        const isElsewhere = taken > 0 && taken >= this.#asked.size;
        await letStudyAsk(isElsewhere ? pause : 0);
      }
    } catch (error) {
      for (const { reject } of this.#asked.values()) reject(error);
      this.#asked.clear();
    } finally {
      this.#works = false;
    }
  }

  /**
   * Runs one experiment on each rank, of those that all ranks have requested.
   * @returns whether there are results
   */
  async #round(): Promise<boolean> {
    this.#signal.throwIfAborted();
    const { rank, size } = this.#group;
    const [first, ...others] = await this.#group.gather([...this.#asked.keys()]);
    const names = first!.filter((name) => others.every((theirs) => theirs.includes(name))).slice(0, size);
    if (names.length === 0) return true;
    const own = names[rank] === undefined ? {} : await outcomeOf(this.#asked.get(names[rank])!.carryOut);
    const outcomes = await this.#group.gather(JSON.stringify(own));
    let isDone = false;
    for (const [index, name] of names.entries()) {
      const asked = this.#asked.get(name)!;
      this.#asked.delete(name);
      const { result, timeUp, taken } = JSON.parse(outcomes[index]!) as Outcome;
      if (taken) this.#asked.set(name, asked);
      else if (timeUp === undefined) asked.resolve(result);
      else asked.reject(new TimeUpError(timeUp));
      isDone ||= !taken;
    }
    return isDone;
  }
}

async function outcomeOf(carryOut: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { result: await carryOut() };
  } catch (error) {
    if (error instanceof TimeUpError) return { timeUp: error.message };
    if (error instanceof TakenError) return { taken: true };
    throw error;
  }
}

/** Milliseconds until experiments are asked for again, all of which others are doing. */
const pause = 300;

/** Lets the study process results and request the experiments that follow from them. */
function letStudyAsk(milliseconds = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
