/**
 * Who does which experiment. What is asked for together is done one after the other by one process alone, and shared by
 * several ranks: all carry out the same study and are given the same results, so that they ask for the same
 * experiments, if not at the same moment.
 */
import type { Group } from '../mpi/group.ts';
import { TimeUpError } from './study.ts';

/** What an experiment came to: what JSON can hold, or that there was no time for it. */
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
  /** By name, in the order in which they were asked for. */
  readonly #asked = new Map<string, Asked>();
  #works = false;

  constructor(group: Group, signal: AbortSignal) {
    this.#group = group;
    this.#signal = signal;
  }

  /**
   * The result of an experiment as JSON gives it back, so that a study sees the same from every rank, and now and after
   * an interruption.
   * @param name by which ranks know it
   * @throws TimeUpError if there is no time for it; the signal's reason, once aborted
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

  /** An experiment for each rank, of those that all have asked for. */
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

/** A study that has been given results asks for what follows from them before this is over, or in a later round. */
function letStudyAsk(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
