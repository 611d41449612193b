import { checkDrawn, type Draw } from '../run/drawing.ts';
import type { SequenceState } from '../run/sequenceReader.ts';
import type { PartResult } from '../run/slotModel.ts';
import type { LastWanted, LogitsReader, Scheduler } from './scheduler.ts';
import type { Seat } from './slots.ts';

/** One sequence of the model, in its own slot until it is closed. */
export class Sequence {
  readonly #scheduler: Scheduler;
  readonly #seat: Seat;
  #closed = false;
  /** The last call; the slot is free only after it. */
  #last: Promise<unknown> = Promise.resolve();

  /** Use `Scheduler.open`. */
  constructor(scheduler: Scheduler, seat: Seat) {
    this.#scheduler = scheduler;
    this.#seat = seat;
  }

  /**
   * Reads tokens and returns the logits after the last, [vocabulary]. They are valid until the caller awaits anything other
   * than this sequence.
   */
  async append(tokens: readonly number[], signal?: AbortSignal): Promise<Float32Array> {
    return (await this.#submit(tokens, { last: 'last', signal })).logits;
  }

  /** Whether `draw` can be used. */
  get draws(): boolean {
    return this.#scheduler.model.draws;
  }

  /** Reads tokens and returns the next one, drawn on the device. @throws NumericalError if a logit is not finite */
  async draw(tokens: readonly number[], how: Draw, signal?: AbortSignal): Promise<number> {
    return checkDrawn((await this.#submit(tokens, { last: how, signal })).token);
  }

  /** Reads tokens; only the state matters. */
  async read(tokens: readonly number[], signal?: AbortSignal): Promise<void> {
    await this.#submit(tokens, { last: 'none', signal });
  }

  /** Reads tokens and shows the logits of each. */
  async score(tokens: readonly number[], reader: LogitsReader, signal?: AbortSignal): Promise<void> {
    await this.#submit(tokens, { last: 'none', reader, signal });
  }

  /** A copy of the state after all tokens read. */
  save(): Promise<SequenceState> {
    this.#checkOpen();
    const saved = this.#scheduler.save(this.#seat);
    this.#last = saved.catch(() => {});
    return saved;
  }

  /** Releases the slot. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#last.then(() => this.#scheduler.release(this.#seat));
  }

  #submit(
    tokens: readonly number[],
    options: { reader?: LogitsReader; last: LastWanted; signal: AbortSignal | undefined },
  ): Promise<PartResult> {
    this.#checkOpen();
    const done = this.#scheduler.submit(this.#seat, tokens, options);
    this.#last = done.catch(() => {});
    return done;
  }

  #checkOpen(): void {
    if (this.#closed) throw new Error('the sequence was closed');
  }
}
