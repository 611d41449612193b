/**
 * Generations of one model that run at the same time. Each step of the batch reads the weights once and advances
 * every sequence that has asked by then: by one token, or by its share of the step if it still reads its prompt.
 */
import { letEventsIn } from '#platform';
import { checkDrawn, type Draw } from '../run/drawing.ts';
import type { SequenceState } from '../run/sequenceReader.ts';
import type { PartResult, SlotModel } from '../run/slotModel.ts';
import { checkTokens } from '../run/steps.ts';

interface Job {
  readonly slot: number;
  readonly tokens: readonly number[];
  /** After the last token. */
  readonly wanted: 'last' | Draw;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (result: PartResult) => void;
  readonly reject: (error: unknown) => void;
  /** Tokens that earlier steps have read. */
  read: number;
}

export class Batch {
  readonly #model: SlotModel;
  readonly #vocabulary: number;
  readonly #free: number[];
  #jobs: Job[] = [];
  #running = false;

  constructor(model: SlotModel, vocabulary: number) {
    this.#model = model;
    this.#vocabulary = vocabulary;
    this.#free = Array.from({ length: model.slots }, (_, slot) => slot);
  }

  /** Takes a slot for a sequence that continues from `state`; undefined if none is free. */
  async join(state: SequenceState): Promise<number | undefined> {
    const slot = this.#free.pop();
    if (slot === undefined) return undefined;
    try {
      await this.#model.load(slot, state);
      return slot;
    } catch (error) {
      this.leave(slot);
      throw error;
    }
  }

  /** Gives a slot back, once its last call has ended. */
  leave(slot: number): void {
    this.#free.push(slot);
  }

  /**
   * Reads tokens and returns the logits after the last, [vocabulary], to be used before the event loop turns.
   * @throws the signal's reason if it is aborted
   */
  async append(slot: number, tokens: readonly number[], signal?: AbortSignal): Promise<Float32Array> {
    return (await this.#submit(slot, tokens, 'last', signal)).logits;
  }

  /**
   * Reads tokens and returns the next one, drawn on the device. Only if the model draws.
   * @throws the signal's reason if it is aborted; NumericalError if a logit is not finite
   */
  async draw(slot: number, tokens: readonly number[], how: Draw, signal?: AbortSignal): Promise<number> {
    const { token } = await this.#submit(slot, tokens, how, signal);
    return checkDrawn(token);
  }

  #submit(
    slot: number,
    tokens: readonly number[],
    wanted: Job['wanted'],
    signal: AbortSignal | undefined,
  ): Promise<PartResult> {
    return new Promise((resolve, reject) => {
      checkTokens(tokens, this.#vocabulary); // in a step, they would end the other generations too
      this.#jobs.push({ slot, tokens, wanted, signal, resolve, reject, read: 0 });
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (;;) {
      await letEventsIn(); // every sequence that got its token or logits asks again
      for (const { signal, reject } of this.#jobs) if (signal?.aborted) reject(signal.reason);
      this.#jobs = this.#jobs.filter(({ signal }) => !signal?.aborted);
      if (this.#jobs.length === 0) break;
      await this.#step();
    }
    this.#running = false;
  }

  async #step(): Promise<void> {
    const jobs = this.#jobs.slice(0, this.#model.maxTokens);
    const shares = sharesOf(jobs, this.#model.maxTokens);
    const parts = jobs.map(({ slot, tokens, wanted, read }, index) => {
      const end = read + shares[index]!;
      return {
        slot,
        tokens: tokens.slice(read, end),
        wanted: end === tokens.length ? wanted : 'none',
      } as const;
    });
    try {
      const results = await this.#model.step(parts);
      for (const [index, job] of jobs.entries()) {
        job.read += shares[index]!;
        if (job.read === job.tokens.length) job.resolve(results[index]!);
      }
      this.#jobs = this.#jobs.filter(({ read, tokens }) => read < tokens.length);
    } catch (error) {
      for (const { reject } of jobs) reject(error);
      this.#jobs = this.#jobs.filter((job) => !jobs.includes(job));
    }
  }
}

/** Tokens of each job in a step: at least one, then equal shares of the rest; the rest of short ones goes to long ones. */
function sharesOf(jobs: readonly Job[], max: number): number[] {
  const shares = jobs.map(() => 1);
  const remaining = (at: number) => jobs[at]!.tokens.length - jobs[at]!.read - 1;
  const byLength = [...jobs.keys()].sort((a, b) => remaining(a) - remaining(b));
  let room = max - jobs.length;
  for (const [index, at] of byLength.entries()) {
    const more = Math.min(remaining(at), Math.floor(room / (byLength.length - index)));
    shares[at]! += more;
    room -= more;
  }
  return shares;
}
