/**
 * Batches for training. The token stream is cut into windows of length + 1; each epoch visits all of them once in
 * its own order. A batch depends only on the seed and the step, so a resumed run needs no saved state.
 */
import { InputError } from '../errors.ts';
import { permutation } from './permutation.ts';
import { checkSeed } from './seededRandom.ts';
import type { TokenSource } from './shards.ts';

export interface BatchOptions {
  /** windows a batch */
  batch: number;
  /** tokens a window: inputs, and as many labels */
  length: number;
  /** an integer from 0 to 2^53 − 1 */
  seed: number;
  /**
   * Validation windows, excluded from training: a count, or a fraction below 1 of all windows. Rounded down to whole
   * batches, but at least one. Default 0. They are spread over the corpus, so a document can have windows in both parts;
   * to test on unseen documents, use another corpus.
   */
  validation?: number;
}

export interface Batch {
  /** [batch, length] token ids */
  inputs: Int32Array;
  /** [batch, length]: the token after each input, or −100 where it is not a label */
  labels: Int32Array;
}

/** Provides the batches of a run. */
export interface Sampler {
  /** Steps until every training window was visited once, on average. */
  readonly stepsPerEpoch: number;
  /** The batch of a training step, counted from 0. */
  batch(step: number): Promise<Batch>;
  /** A validation set; a set cut from the training text has no name. */
  readonly validationSets: readonly ValidationSet[];
}

export interface ValidationSet {
  readonly name?: string;
  batches(): AsyncGenerator<Batch>;
}

/** The same validation windows for every seed, so that runs can be compared. */
const SPLIT_KEY = 0x5eed;

export class BatchSampler implements Sampler {
  readonly trainingWindows: number;
  readonly validationWindows: number;
  readonly #source: TokenSource;
  readonly #options: BatchOptions;
  readonly #spread: (index: number) => number;
  #epoch = -1;
  #order: (index: number) => number = (index) => index;

  /** @throws {InputError} if an option is out of range, or the corpus is smaller than one batch */
  constructor(source: TokenSource, options: BatchOptions) {
    checkOptions(options);
    const { batch, length, validation = 0 } = options;
    checkWindow(source, length);
    this.#source = source;
    this.#options = options;
    const windows = Math.floor(source.tokenCount / (length + 1));
    this.validationWindows = countValidation(windows, batch, validation);
    this.trainingWindows = windows - this.validationWindows;
    if (this.trainingWindows < batch) {
      const needed = (batch + this.validationWindows) * (length + 1);
      throw new InputError(
        `corpus: found ${source.tokenCount} tokens, expected at least ${needed} for a batch of ${batch} windows of ` +
          `${length} + 1 tokens and ${this.validationWindows} windows for validation; ` +
          'add text, or make batch or length smaller',
      );
    }
    this.#spread = permutation(windows, [SPLIT_KEY]);
  }

  /** Steps until every training window was visited once; the last batch of an epoch may begin the next. */
  get stepsPerEpoch(): number {
    return this.trainingWindows / this.#options.batch;
  }

  /** The batch of a training step, counted from 0: a pure function of seed and step. */
  batch(step: number): Promise<Batch> {
    if (!Number.isInteger(step) || step < 0 || step > Number.MAX_SAFE_INTEGER / this.#options.batch - 1) {
      throw new InputError(`step: found ${step}, expected an integer of 0 or more`);
    }
    const first = step * this.#options.batch;
    return this.#read(
      Array.from({ length: this.#options.batch }, (_, row) => this.#trainingWindow(first + row)),
    );
  }

  /** All validation windows, batch by batch, always the same. */
  async *validation(): AsyncGenerator<Batch> {
    for (let first = 0; first < this.validationWindows; first += this.#options.batch) {
      yield await this.#read(
        Array.from({ length: this.#options.batch }, (_, row) => this.#spread(first + row)),
      );
    }
  }

  get validationSets(): ValidationSet[] {
    return this.validationWindows > 0 ? [{ batches: () => this.validation() }] : [];
  }

  /** Returns the window for visit number `visit` of the run. */
  #trainingWindow(visit: number): number {
    const epoch = Math.floor(visit / this.trainingWindows);
    if (epoch !== this.#epoch) {
      this.#order = permutation(this.trainingWindows, [this.#options.seed, epoch]);
      this.#epoch = epoch;
    }
    return this.#spread(this.validationWindows + this.#order(visit % this.trainingWindows));
  }

  #read(windows: readonly number[]): Promise<Batch> {
    return readWindows(this.#source, this.#options.length, windows);
  }
}

/** Windows of length + 1 tokens as rows of a batch. Of marked sources, only marked tokens become labels. */
export async function readWindows(
  source: TokenSource,
  length: number,
  windows: readonly number[],
): Promise<Batch> {
  const inputs = new Int32Array(windows.length * length);
  const labels = new Int32Array(windows.length * length);
  const readRow = async (window: number, row: number) => {
    const tokens = new Int32Array(length + 1);
    const marks = source.rowLength === undefined ? undefined : new Uint8Array(length + 1);
    await source.read(window * (length + 1), tokens, marks);
    inputs.set(tokens.subarray(0, length), row * length);
    if (marks) marks.forEach((mark, at) => mark || tokens.fill(-100, at, at + 1));
    labels.set(tokens.subarray(1), row * length);
  };
  await Promise.all(windows.map(readRow));
  return { inputs, labels };
}

function checkWindow({ rowLength }: TokenSource, length: number): void {
  if (rowLength === undefined || rowLength === length + 1) return;
  throw new InputError(
    `length: found ${length}, but these conversations were laid out in rows of ${rowLength} tokens; ` +
      `expected ${rowLength - 1}`,
  );
}

function countValidation(windows: number, batch: number, validation: number): number {
  if (validation === 0) return 0;
  const wanted = validation < 1 ? windows * validation : validation;
  return Math.max(1, Math.floor(wanted / batch)) * batch;
}

function checkOptions({ batch, length, seed, validation = 0 }: BatchOptions): void {
  checkSeed(seed);
  for (const [name, value] of [
    ['batch', batch],
    ['length', length],
  ] as const) {
    if (!Number.isInteger(value) || value < 1 || value > 2 ** 24) {
      throw new InputError(`${name}: found ${value}, expected an integer from 1 to 2^24`);
    }
  }
  if (!(validation >= 0 && (validation < 1 || Number.isSafeInteger(validation)))) {
    throw new InputError(
      `validation: found ${validation}, expected a fraction below 1 or a count of windows`,
    );
  }
}
