/**
 * Continuous batching. Each sequence submits its next tokens whenever it is ready; each step of the model takes all tokens
 * submitted by then. So sequences join and leave between any two steps, and one whose reader is slow simply submits later.
 *
 * Fairness: every sequence with tokens has at least one row in every step. The remaining rows go to prompts, in equal
 * shares by client, limited to a step of bounded time: a long prompt delays no other sequence's next token by much. Whoever
 * reads the logits of all tokens of a prompt does so while later steps run.
 */
import { InputError } from '../errors.ts';
import type { Draw } from '../run/drawing.ts';
import type { SequenceState } from '../run/sequenceReader.ts';
import { bucketOf, type PartResult, type SlotModel, type SlotTokens } from '../run/slotModel.ts';
import { checkTokens } from '../run/steps.ts';
import type { LongWork } from './longWork.ts';
import { Sequence } from './sequence.ts';
import { Seat, Slots } from './slots.ts';
import { stepRows } from './stepRows.ts';

/** Measurements of a step. */
export interface StepReport {
  readonly sequences: number;
  readonly tokens: number;
  readonly milliseconds: number;
}

export interface SchedulerOptions {
  readonly vocabulary: number;
  /** Maximum number of sequences that wait for a slot. */
  readonly maxWaiting: number;
  /** Is told when sequences advance. */
  readonly longWork: LongWork;
  readonly onStep?: (report: StepReport) => void;
}

/** Called with the logits of tokens [first, first + n) of a text, [n, vocabulary]. */
export type LogitsReader = (logits: Float32Array, first: number) => Promise<void>;

/** What a sequence wants after its last token. */
export type LastWanted = 'last' | 'none' | Draw;

interface Job {
  readonly seat: Seat;
  readonly tokens: readonly number[];
  readonly reader: LogitsReader | undefined;
  /** After the last token. */
  readonly last: LastWanted;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (result: PartResult) => void;
  readonly reject: (error: unknown) => void;
  read: number;
  /** Whether the reader has not ended yet. */
  isShown: boolean;
}

/** Maximum bytes of logits that readers have not seen yet, so that scoring long texts needs little memory. */
const maxLogitBytes = 32 * 2 ** 20;
/** Logits that are sampled from before other requests get a turn: sampling from a large vocabulary is slow. */
const logitsAtOnce = 2 ** 18;
/** Maximum milliseconds of a step in which several sequences advance. */
const maxMilliseconds = 200;
/** The same if it would delay the next token of one client for prompts of another. */
const maxDelay = 50;
/** Minimum rows of prompts in a step, however slow the machine. */
const minPromptRows = 16;

export class Scheduler {
  readonly model: SlotModel;
  readonly vocabulary: number;
  readonly #options: SchedulerOptions;
  readonly #slots: Slots;
  #jobs: Job[] = [];
  #running = false;
  /** Time of a row in earlier steps; it limits the rows of a step. */
  #rowMilliseconds = 0;
  /** Rows of logits that readers have not seen yet. */
  #unseenRows = 0;
  #failure: unknown;

  constructor(model: SlotModel, options: SchedulerOptions) {
    this.model = model;
    this.vocabulary = options.vocabulary;
    this.#options = options;
    this.#slots = new Slots(model, options.maxWaiting);
  }

  /** Sequences that hold a slot. */
  get active(): number {
    return this.#slots.active;
  }

  /** Sequences that wait for a slot. */
  get waiting(): number {
    return this.#slots.waiting;
  }

  /** The error after which the engine can run nothing more. */
  get failure(): unknown {
    return this.#failure;
  }

  /** @throws TooBusyError if `count` more sequences of the client could not even wait */
  checkRoom(count: number, client = ''): void {
    this.#slots.checkRoom(count, client);
  }

  /**
   * Opens a sequence that starts at `state`, or at the beginning. Waits for a slot.
   * @param caller.client who shares the slots with other clients
   * @throws TooBusyError; the signal's reason
   */
  async open(
    state: SequenceState | undefined,
    { client = '', signal }: { readonly client?: string; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Sequence> {
    signal?.throwIfAborted();
    if (this.#failure) throw this.#failure;
    this.checkRoom(1, client);
    const seat = new Seat(client, state);
    const taken = this.#slots.take(seat, signal);
    if (this.#slots.waiting > 0) void this.#run(); // another client may hold more than its share
    await taken;
    return new Sequence(this, seat);
  }

  /** For sequences. */
  submit(
    seat: Seat,
    tokens: readonly number[],
    options: { reader?: LogitsReader | undefined; last: LastWanted; signal: AbortSignal | undefined },
  ): Promise<PartResult> {
    return new Promise((resolve, reject) => {
      if (this.#failure) throw this.#failure;
      if (tokens.length === 0) throw new InputError('found no token, expected at least one');
      checkTokens(tokens, this.vocabulary);
      const { reader, last, signal } = options;
      const job = { seat, tokens, reader, last, signal, resolve, reject, read: 0, isShown: false };
      this.#jobs.push(job);
      if (!seat.ready) this.#resume(job);
      void this.#run();
    });
  }

  /** For sequences. */
  save(seat: Seat): Promise<SequenceState> {
    return this.#slots.save(seat);
  }

  /** For sequences. */
  release(seat: Seat): void {
    this.#slots.release(seat);
  }

  /** Waits for a slot again, for a sequence that was parked. */
  #resume(job: Job): void {
    if (job.seat.taking) return;
    this.#slots.take(job.seat, job.signal, true).then(
      () => void this.#run(),
      (error: unknown) => {
        this.#remove(job);
        job.reject(error);
      },
    );
  }

  /** Runs steps while sequences have tokens. Between two steps the rest of the process gets a turn. */
  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    this.#options.longWork.limited = true;
    try {
      for (;;) {
        await turnOfOthers();
        this.#dropAborted();
        for (const seat of await this.#slots.rebalance()) this.#resumeJobOf(seat);
        const jobs = this.#readyJobs();
        if (jobs.length === 0) return;
        await this.#step(jobs);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#running = false;
      this.#options.longWork.limited = false;
    }
  }

  #resumeJobOf(parked: Seat): void {
    const job = this.#jobs.find(({ seat }) => seat === parked);
    if (job) this.#resume(job);
  }

  #dropAborted(): void {
    for (const { signal, reject } of this.#jobs) if (signal?.aborted) reject(signal.reason);
    this.#jobs = this.#jobs.filter(({ signal }) => !signal?.aborted);
  }

  /** Jobs that can take part in a step. */
  #readyJobs(): Job[] {
    const maxReaders = this.#logitRoom();
    let readers = 0;
    return this.#jobs.filter(
      ({ seat, reader, isShown }) => seat.ready && !isShown && (!reader || ++readers <= maxReaders),
    );
  }

  async #step(jobs: readonly Job[]): Promise<void> {
    const { onStep } = this.#options;
    const before = performance.now();
    const shares = this.#compose(jobs);
    const results = await this.model.step(jobs.map((job, index) => partOf(job, shares[index]!)));
    const milliseconds = performance.now() - before;
    const tokens = shares.reduce((sum, rows) => sum + rows, 0);
    const earlier = this.#rowMilliseconds || milliseconds / tokens;
    this.#rowMilliseconds = 0.8 * earlier + 0.2 * (milliseconds / tokens);
    onStep?.({ sequences: jobs.length, tokens, milliseconds });
    for (const [index, job] of jobs.entries()) job.read += shares[index]!;
    // Readers copy their logits before anyone else gets a turn.
    for (const [index, job] of jobs.entries())
      if (job.reader) void this.#show(job, results[index]!.logits.slice(), job.read - shares[index]!);
    await this.#deliver(jobs, results);
  }

  async #deliver(jobs: readonly Job[], results: readonly PartResult[]): Promise<void> {
    const samplesAtOnce = Math.ceil(logitsAtOnce / this.vocabulary);
    let delivered = 0;
    for (const [index, job] of jobs.entries()) {
      if (job.reader || job.read < job.tokens.length) continue;
      this.#remove(job);
      job.resolve(results[index]!);
      if (job.last !== 'last') continue;
      delivered += 1;
      if (delivered % samplesAtOnce === 0) await turnOfOthers();
    }
  }

  /** Lets the reader of a job see logits. The job takes part in no step before it has. */
  async #show(job: Job, logits: Float32Array, first: number): Promise<void> {
    const rows = logits.length / this.vocabulary;
    job.isShown = true;
    this.#unseenRows += rows;
    try {
      await job.reader!(logits, first);
      if (job.read === job.tokens.length) {
        this.#remove(job);
        job.resolve({ logits, token: undefined });
      }
    } catch (error) {
      this.#remove(job);
      job.reject(error);
    } finally {
      job.isShown = false;
      this.#unseenRows -= rows;
      void this.#run();
    }
  }

  #remove(job: Job): void {
    this.#jobs = this.#jobs.filter((other) => other !== job);
  }

  /** The number of tokens of each job in the next step. */
  #compose(jobs: readonly Job[]): number[] {
    const claims = jobs.map((job) => ({
      client: job.seat.client,
      remaining: remaining(job),
      wantsAll: job.reader !== undefined,
    }));
    const shares = stepRows(claims, { rows: this.#maxRows(jobs), logitRows: this.#logitRoom() });
    this.#fillUp(jobs, shares);
    return shares;
  }

  /** Programs have a few sizes: unused rows of a program are filled with prompts. */
  #fillUp(jobs: readonly Job[], shares: number[]): void {
    const total = shares.reduce((sum, rows) => sum + rows, 0);
    let spare = Math.min(bucketOf(total), this.model.maxTokens) - total;
    for (const [index, job] of jobs.entries()) {
      if (job.reader) continue; // they need room for logits too
      const more = Math.min(spare, remaining(job) - shares[index]!);
      shares[index]! += more;
      spare -= more;
    }
  }

  /** Rows of logits for which readers have room. */
  #logitRoom(): number {
    const max = Math.max(Math.floor(maxLogitBytes / (4 * this.vocabulary)), 1);
    return max - this.#unseenRows;
  }

  #maxRows(jobs: readonly Job[]): number {
    const max = this.model.maxTokens;
    if (jobs.length === 1 || this.#rowMilliseconds === 0) return max;
    const decoding = jobs.filter((job) => remaining(job) === 1);
    const delaysOthers = jobs.some(
      (job) => remaining(job) > 1 && decoding.some(({ seat }) => seat.client !== job.seat.client),
    );
    const inTime = Math.floor((delaysOthers ? maxDelay : maxMilliseconds) / this.#rowMilliseconds);
    return Math.min(max, Math.max(inTime, jobs.length + minPromptRows));
  }

  /** An engine that failed once (a lost device, no memory) is not used again. */
  #fail(error: unknown): void {
    this.#failure = error;
    for (const { reject } of this.#jobs) reject(error);
    this.#jobs = [];
    this.#slots.fail(error);
  }
}

function remaining({ tokens, read }: Job): number {
  return tokens.length - read;
}

function partOf({ seat, tokens, read, reader, last }: Job, rows: number): SlotTokens {
  const isLast = read + rows === tokens.length;
  const wanted = reader ? 'all' : isLast ? last : 'none';
  return { slot: seat.slot!, tokens: tokens.slice(read, read + rows), wanted };
}

function turnOfOthers(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
