/**
 * Continuous batching. Each sequence asks for its next tokens to be read, whenever it is ready; each step of the
 * model takes all that was asked by then. Sequences so join and leave between any two steps, and one whose reader
 * is slow simply asks later.
 *
 * Fairness: every sequence that asks has at least one row in every step. Rows beyond that go to prompts, in equal
 * shares, and only as many as a step of bounded time takes: a long prompt delays nobody's next token by much.
 */
import { InputError } from '../errors.ts';
import { bucketOf, type SlotModel, type SlotTokens } from '../model/batchedInference.ts';
import { checkTokens, type SequenceState } from '../model/inference.ts';

/** What the scheduler tells of each step, for measurements. */
export interface StepReport {
  readonly sequences: number;
  readonly tokens: number;
  readonly milliseconds: number;
}

export interface SchedulerOptions {
  readonly vocabulary: number;
  /** Sequences that may wait for a slot. */
  readonly mostWaiting: number;
  /** How long a step should take at most while several sequences advance. Default 200. */
  readonly stepMilliseconds?: number;
  readonly onStep?: (report: StepReport) => void;
}

/** No slot is free, and too many wait for one already. */
export class TooBusyError extends Error {
  override name = 'TooBusyError';
}

/** Called with the logits of tokens [first, first + n) of a text, [n, vocabulary]; they are valid until it is done. */
export type LogitsReader = (logits: Float32Array, first: number) => Promise<void>;

interface Job {
  readonly slot: number;
  readonly tokens: readonly number[];
  readonly reader: LogitsReader | undefined;
  readonly wantsLast: boolean;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (logits: Float32Array) => void;
  readonly reject: (error: unknown) => void;
  read: number;
}

interface Waiter {
  readonly grant: (slot: number) => void;
  readonly refuse: (error: unknown) => void;
}

/** Logits of one step take no more than this, so that scoring long texts stays small. */
const mostLogitBytes = 64 * 2 ** 20;
/** Sequences that sample before others get a turn: sampling from a large vocabulary takes long. */
const samplesAtOnce = 8;
/** Rows of prompts in a step, however slow the machine. */
const leastPromptRows = 16;

export class Scheduler {
  readonly model: SlotModel;
  readonly vocabulary: number;
  readonly #options: SchedulerOptions;
  readonly #free: number[];
  readonly #waiters = new Set<Waiter>();
  #jobs: Job[] = [];
  #running = false;
  /** A row's time in earlier steps; how many rows a step may take follows from it. */
  #rowMilliseconds = 0;
  #failure: unknown;

  constructor(model: SlotModel, options: SchedulerOptions) {
    this.model = model;
    this.vocabulary = options.vocabulary;
    this.#options = options;
    this.#free = Array.from({ length: model.slots }, (_, index) => model.slots - 1 - index);
  }

  /** Sequences that hold a slot. */
  get active(): number {
    return this.model.slots - this.#free.length;
  }

  /** Sequences that wait for a slot. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** What made the engine fail; nothing can run any more. */
  get failure(): unknown {
    return this.#failure;
  }

  /** @throws TooBusyError if `count` more sequences could not even wait */
  checkRoom(count: number): void {
    const waiting = Math.max(0, this.waiting + count - this.#free.length);
    if (waiting > this.#options.mostWaiting)
      throw new TooBusyError(
        `${this.active} sequences are active and ${this.waiting} wait; try again in a while`,
      );
  }

  /**
   * A sequence that starts at `state`, or at the beginning. Waits for a slot, first come, first served.
   * @throws TooBusyError; the signal's reason
   */
  async open(state: SequenceState | undefined, signal?: AbortSignal): Promise<Sequence> {
    signal?.throwIfAborted();
    this.checkRoom(1);
    const slot = this.#free.pop() ?? (await this.#wait(signal));
    try {
      await this.model.load(slot, state);
      return new Sequence(this, slot);
    } catch (error) {
      this.release(slot);
      throw error;
    }
  }

  /** For sequences. */
  submit(
    slot: number,
    tokens: readonly number[],
    options: { reader?: LogitsReader | undefined; wantsLast: boolean; signal: AbortSignal | undefined },
  ): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      if (this.#failure) throw this.#failure;
      if (tokens.length === 0) throw new InputError('found no token, expected at least one');
      checkTokens(tokens, this.vocabulary);
      const { reader, wantsLast, signal } = options;
      this.#jobs.push({ slot, tokens, reader, wantsLast, signal, resolve, reject, read: 0 });
      void this.#run();
    });
  }

  /** For sequences. */
  release(slot: number): void {
    const next = this.#waiters.values().next().value;
    if (next === undefined) {
      this.#free.push(slot);
      return;
    }
    this.#waiters.delete(next);
    next.grant(slot);
  }

  #wait(signal: AbortSignal | undefined): Promise<number> {
    return new Promise((grant, refuse) => {
      const aborted = () => {
        this.#waiters.delete(waiter);
        refuse(signal!.reason);
      };
      const done = () => signal?.removeEventListener('abort', aborted);
      const waiter: Waiter = {
        grant: (slot) => {
          done();
          grant(slot);
        },
        refuse,
      };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  /** Steps, as long as anybody asks. Between two steps everything else in the process has its turn. */
  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (;;) {
        await turnOfOthers();
        this.#dropAborted();
        if (this.#jobs.length === 0) return;
        await this.#step();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#running = false;
    }
  }

  #dropAborted(): void {
    for (const { signal, reject } of this.#jobs) if (signal?.aborted) reject(signal.reason);
    this.#jobs = this.#jobs.filter(({ signal }) => !signal?.aborted);
  }

  async #step(): Promise<void> {
    const before = performance.now();
    const shares = this.#compose();
    const logits = await this.model.step(shares.map(([job, rows]) => partOf(job, rows)));
    const milliseconds = performance.now() - before;
    const tokens = shares.reduce((sum, [, rows]) => sum + rows, 0);
    const earlier = this.#rowMilliseconds || milliseconds / tokens;
    this.#rowMilliseconds = 0.8 * earlier + 0.2 * (milliseconds / tokens);
    this.#options.onStep?.({ sequences: shares.length, tokens, milliseconds });
    await this.#deliver(shares, logits);
  }

  async #deliver(shares: readonly (readonly [Job, number])[], logits: readonly Float32Array[]) {
    let delivered = 0;
    for (const [index, [job, rows]] of shares.entries()) {
      const first = job.read;
      job.read += rows;
      try {
        await job.reader?.(logits[index]!, first);
      } catch (error) {
        this.#jobs = this.#jobs.filter((other) => other !== job);
        job.reject(error);
        continue;
      }
      if (job.read < job.tokens.length) continue;
      this.#jobs = this.#jobs.filter((other) => other !== job);
      job.resolve(logits[index]!);
      delivered += 1;
      if (delivered % samplesAtOnce === 0) await turnOfOthers();
    }
  }

  /** Which jobs take part in the next step, and with how many tokens. */
  #compose(): (readonly [Job, number])[] {
    const jobs = this.#jobs;
    const shares = jobs.map(() => 1);
    let room = this.#roomForPrompts(jobs);
    let logitRows = Math.floor(mostLogitBytes / (4 * this.vocabulary)) - jobs.length;
    // The shortest first: what they leave of their equal share is for the others.
    const prompts = [...jobs.keys()].sort((a, b) => remaining(jobs[a]!) - remaining(jobs[b]!));
    for (const [index, at] of prompts.entries()) {
      const job = jobs[at]!;
      const share = Math.floor(room / (prompts.length - index));
      const most = Math.min(remaining(job) - 1, share, job.reader ? Math.max(logitRows, 0) : share);
      shares[at]! += most;
      room -= most;
      if (job.reader) logitRows -= most;
    }
    this.#fillUp(jobs, shares);
    return jobs.map((job, index) => [job, shares[index]!] as const);
  }

  /** Programs have a few sizes: rows that one has anyway may as well be of a prompt. */
  #fillUp(jobs: readonly Job[], shares: number[]): void {
    const total = shares.reduce((sum, rows) => sum + rows, 0);
    let spare = Math.min(bucketOf(total), this.model.mostTokens) - total;
    for (const [index, job] of jobs.entries()) {
      if (job.reader) continue; // they need room for logits too
      const more = Math.min(spare, remaining(job) - shares[index]!);
      shares[index]! += more;
      spare -= more;
    }
  }

  #roomForPrompts(jobs: readonly Job[]): number {
    const most = this.model.mostTokens - jobs.length;
    if (jobs.length === 1 || this.#rowMilliseconds === 0) return most;
    const inTime = Math.floor((this.#options.stepMilliseconds ?? 200) / this.#rowMilliseconds);
    return Math.min(most, Math.max(inTime - jobs.length, leastPromptRows));
  }

  /** An engine that failed once (a lost device, no memory) is not asked again. */
  #fail(error: unknown): void {
    this.#failure = error;
    for (const { reject } of this.#jobs) reject(error);
    this.#jobs = [];
    for (const { refuse } of this.#waiters) refuse(error);
    this.#waiters.clear();
  }
}

/** One sequence of the model, in a slot of its own until it is closed. */
export class Sequence {
  readonly #scheduler: Scheduler;
  readonly #slot: number;
  #closed = false;
  /** The last call; the slot is free only after it. */
  #last: Promise<unknown> = Promise.resolve();

  /** Use `Scheduler.open`. */
  constructor(scheduler: Scheduler, slot: number) {
    this.#scheduler = scheduler;
    this.#slot = slot;
  }

  /**
   * Reads tokens and returns the logits after the last, [vocabulary], which are valid until the caller waits for
   * anything but this sequence.
   */
  append(tokens: readonly number[], signal?: AbortSignal): Promise<Float32Array> {
    return this.#submit(tokens, { wantsLast: true, signal });
  }

  /** Reads tokens; only the state matters. */
  async read(tokens: readonly number[], signal?: AbortSignal): Promise<void> {
    await this.#submit(tokens, { wantsLast: false, signal });
  }

  /** Reads tokens and shows the logits of each. */
  async score(tokens: readonly number[], reader: LogitsReader, signal?: AbortSignal): Promise<void> {
    await this.#submit(tokens, { wantsLast: false, reader, signal });
  }

  /** A copy of the state after all that was read. */
  save(): Promise<SequenceState> {
    this.#checkOpen();
    const saved = this.#scheduler.model.save(this.#slot);
    this.#last = saved.catch(() => {});
    return saved;
  }

  /** Gives the slot to others. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#last.then(() => this.#scheduler.release(this.#slot));
  }

  #submit(
    tokens: readonly number[],
    options: { reader?: LogitsReader; wantsLast: boolean; signal: AbortSignal | undefined },
  ): Promise<Float32Array> {
    this.#checkOpen();
    const done = this.#scheduler.submit(this.#slot, tokens, options);
    this.#last = done.catch(() => {});
    return done;
  }

  #checkOpen(): void {
    if (this.#closed) throw new Error('the sequence was closed');
  }
}

function remaining({ tokens, read }: Job): number {
  return tokens.length - read;
}

function partOf({ slot, tokens, read, reader, wantsLast }: Job, rows: number): SlotTokens {
  const isLast = read + rows === tokens.length;
  const wanted = reader ? 'all' : wantsLast && isLast ? 'last' : 'none';
  return { slot, tokens: tokens.slice(read, read + rows), wanted };
}

function turnOfOthers(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
