/**
 * Continuous batching. Each sequence submits its next tokens whenever it is ready; each step of the model takes all tokens
 * submitted by then. So sequences join and leave between any two steps, and one whose reader is slow simply submits later.
 *
 * Fairness: every sequence with tokens has at least one row in every step. The remaining rows go to prompts, in equal
 * shares, limited to a step of bounded time: a long prompt delays no other sequence's next token by much.
 */
import { InputError } from '../errors.ts';
import type { SequenceState } from '../run/sequenceReader.ts';
import { bucketOf, type SlotModel, type SlotTokens } from '../run/slotModel.ts';
import { checkTokens } from '../run/steps.ts';
import { Sequence } from './sequence.ts';
import { Seat, Slots } from './slots.ts';

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
  /** Maximum time of a step while several sequences advance, in milliseconds. Default 200. */
  readonly stepMilliseconds?: number;
  readonly onStep?: (report: StepReport) => void;
}

/** Called with the logits of tokens [first, first + n) of a text, [n, vocabulary]; they are valid until it returns. */
export type LogitsReader = (logits: Float32Array, first: number) => Promise<void>;

interface Job {
  readonly seat: Seat;
  readonly tokens: readonly number[];
  readonly reader: LogitsReader | undefined;
  readonly wantsLast: boolean;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (logits: Float32Array) => void;
  readonly reject: (error: unknown) => void;
  read: number;
}

/** Maximum bytes of one step's logits, so that scoring long texts needs little memory. */
const maxLogitBytes = 64 * 2 ** 20;
/** Sequences that sample before others get a turn: sampling from a large vocabulary is slow. */
const samplesAtOnce = 8;
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
    options: { reader?: LogitsReader | undefined; wantsLast: boolean; signal: AbortSignal | undefined },
  ): Promise<Float32Array> {
    return new Promise((resolve, reject) => {
      if (this.#failure) throw this.#failure;
      if (tokens.length === 0) throw new InputError('found no token, expected at least one');
      checkTokens(tokens, this.vocabulary);
      const { reader, wantsLast, signal } = options;
      const job = { seat, tokens, reader, wantsLast, signal, resolve, reject, read: 0 };
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
        this.#jobs = this.#jobs.filter((other) => other !== job);
        job.reject(error);
      },
    );
  }

  /** Runs steps while sequences have tokens. Between two steps the rest of the process gets a turn. */
  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      for (;;) {
        await turnOfOthers();
        this.#dropAborted();
        for (const seat of await this.#slots.rebalance()) this.#resumeJobOf(seat);
        if (!this.#jobs.some(({ seat }) => seat.ready)) return;
        await this.#step();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#running = false;
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

  /** The jobs of the next step, and the number of tokens of each. */
  #compose(): (readonly [Job, number])[] {
    const jobs = this.#jobs.filter(({ seat }) => seat.ready);
    const shares = jobs.map(() => 1);
    let room = this.#roomForPrompts(jobs);
    let logitRows = Math.floor(maxLogitBytes / (4 * this.vocabulary)) - jobs.length;
    // The shortest first: what they leave of their equal share goes to the others.
    const prompts = [...jobs.keys()].sort((a, b) => remaining(jobs[a]!) - remaining(jobs[b]!));
    for (const [index, at] of prompts.entries()) {
      const job = jobs[at]!;
      const share = Math.floor(room / (prompts.length - index));
      const rows = Math.min(remaining(job) - 1, share, job.reader ? Math.max(logitRows, 0) : share);
      shares[at]! += rows;
      room -= rows;
      if (job.reader) logitRows -= rows;
    }
    this.#fillUp(jobs, shares);
    return jobs.map((job, index) => [job, shares[index]!] as const);
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

  #roomForPrompts(jobs: readonly Job[]): number {
    const max = this.model.maxTokens - jobs.length;
    if (jobs.length === 1 || this.#rowMilliseconds === 0) return max;
    const inTime = Math.floor((this.#options.stepMilliseconds ?? 200) / this.#rowMilliseconds);
    return Math.min(max, Math.max(inTime - jobs.length, minPromptRows));
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

function partOf({ seat, tokens, read, reader, wantsLast }: Job, rows: number): SlotTokens {
  const isLast = read + rows === tokens.length;
  const wanted = reader ? 'all' : wantsLast && isLast ? 'last' : 'none';
  return { slot: seat.slot!, tokens: tokens.slice(read, read + rows), wanted };
}

function turnOfOthers(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
