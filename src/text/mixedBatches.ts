/**
 * Batches from several sources by weight. The source and the window of a row depend only on the seed and the row's
 * number, as with a single source.
 */
import { InputError } from '../errors.ts';
import { type Batch, type BatchOptions, BatchSampler, readWindows, type Sampler } from './batches.ts';
import { permutation } from './permutation.ts';
import type { MixPart, NamedTokens, TokenMix } from './tokenMix.ts';

/** Rows of a round, in which every source has its exact share: shares are multiples of 1/1000. */
const round = 1000;

/** Returns the batches of a mix. A mix of one source without validation texts validates on windows of that source. */
export function samplerOf(mix: TokenMix, options: BatchOptions): Sampler {
  const [only] = mix.parts;
  if (mix.parts.length === 1 && mix.validation.length === 0) return new BatchSampler(only!.source, options);
  return new MixedSampler(mix.parts, mix.validation, options);
}

export class MixedSampler implements Sampler {
  readonly #options: BatchOptions;
  readonly #samplers: readonly BatchSampler[];
  /** Rows of each round that come before those of part k, and in the end all. */
  readonly #starts: readonly number[];
  readonly #validation: readonly NamedTokens[];

  /**
   * @param validation texts whose first `options.validation` windows are measured, or all if it is a
   *   fraction; a last batch that they do not fill is padded with rows that have no labels
   * @throws {InputError} if an option is out of range, or a source is smaller than a window
   */
  constructor(parts: readonly MixPart[], validation: readonly NamedTokens[], options: BatchOptions) {
    this.#options = options;
    this.#samplers = parts.map(
      ({ source }) => new BatchSampler(source, { ...options, batch: 1, validation: 0 }),
    );
    this.#starts = cumulative(shares(parts));
    this.#validation = options.validation ? validation : [];
    for (const { name, source } of validation) {
      if (source.tokenCount > options.length) continue;
      throw new InputError(
        `${name}: found ${source.tokenCount} tokens, expected more than ${options.length}; make length smaller`,
      );
    }
  }

  /** Steps until as many windows were visited as all sources have. */
  get stepsPerEpoch(): number {
    const windows = this.#samplers.reduce((sum, { trainingWindows }) => sum + trainingWindows, 0);
    return windows / this.#options.batch;
  }

  async batch(step: number): Promise<Batch> {
    const { batch } = this.#options;
    const rows = Array.from({ length: batch }, (_, row) => this.#row(step * batch + row));
    return joined(await Promise.all(rows));
  }

  get validationSets() {
    const { batch, length, validation = 0 } = this.#options;
    return this.#validation.map(({ name, source }) => {
      const all = Math.floor(source.tokenCount / (length + 1));
      const windows = validation < 1 ? all : Math.min(all, validation);
      const order = permutation(all, [0]); // the same windows for every seed
      async function* batches(): AsyncGenerator<Batch> {
        for (let first = 0; first < windows; first += batch) {
          const count = Math.min(batch, windows - first);
          const found = Array.from({ length: count }, (_, row) => order(first + row));
          yield padded(await readWindows(source, length, found), batch * length);
        }
      }
      return { name, batches };
    });
  }

  /** Row `visit` of the run. Within each round a permutation assigns rows to sources. */
  #row(visit: number): Promise<Batch> {
    const turn = Math.floor(visit / round);
    const place = permutation(round, [this.#options.seed, turn])(visit % round);
    const part = this.#starts.findLastIndex((start) => start <= place);
    const ofPart = this.#starts[part + 1]! - this.#starts[part]!;
    return this.#samplers[part]!.batch(turn * ofPart + place - this.#starts[part]!);
  }
}

/** Rows of each part in a round: proportional to the weights, at least one each, and `round` together. */
function shares(parts: readonly MixPart[]): number[] {
  const total = parts.reduce((sum, { weight }) => sum + weight, 0);
  const rows = parts.map(({ weight }) => Math.max(1, Math.round((weight / total) * round)));
  const largest = rows.indexOf(Math.max(...rows));
  rows[largest]! += round - rows.reduce((sum, count) => sum + count, 0);
  return rows;
}

function cumulative(counts: readonly number[]): number[] {
  const starts = [0];
  for (const count of counts) starts.push(starts.at(-1)! + count);
  return starts;
}

function joined(rows: readonly Batch[]): Batch {
  const length = rows[0]!.inputs.length;
  const batch = {
    inputs: new Int32Array(rows.length * length),
    labels: new Int32Array(rows.length * length),
  };
  rows.forEach(({ inputs, labels }, row) => {
    batch.inputs.set(inputs, row * length);
    batch.labels.set(labels, row * length);
  });
  return batch;
}

function padded({ inputs, labels }: Batch, size: number): Batch {
  if (inputs.length === size) return { inputs, labels };
  const batch = { inputs: new Int32Array(size), labels: new Int32Array(size).fill(-100) };
  batch.inputs.set(inputs);
  batch.labels.set(labels);
  return batch;
}
