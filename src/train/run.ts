/**
 * A training run in a folder:
 *
 *   training.json            settings, and where the token shards are
 *   config.json, model.safetensors, tokenizer.json …   the model, ready to be used at any time
 *   optimizer-<step>.safetensors   what AdamW remembers
 *   log.jsonl                a line for each step and each validation
 *   tokens/                  the corpus as token shards, unless they lie elsewhere
 *
 * Batches depend on the seed and the step only, so the step is all that a run must remember besides weights and
 * moments: interrupted and resumed, it ends with the same bits as one that was not.
 */
import { join } from 'node:path';
import { readConfig } from '../checkpoint/config.ts';
import { writeConfig } from '../checkpoint/writeConfig.ts';
import type { Engine } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import type { ModelConfig } from '../model/config.ts';
import { initialise } from '../model/initialise.ts';
import type { Batch, Sampler, ValidationSet } from '../text/batches.ts';
import { samplerOf } from '../text/mixedBatches.ts';
import { saveTokenizer } from '../text/saveTokenizer.ts';
import { TextTokenizer } from '../text/tokenizer.ts';
import { TokenMix } from '../text/tokenMix.ts';
import { byteCounter, type Data } from './data.ts';
import { type LogLine, TrainingLog, type ValidationLine } from './log.ts';
import { readRunFile, writeRunFile } from './runFile.ts';
import { rateAt } from './schedule.ts';
import { parseSettings, type TrainingSettings } from './settings.ts';
import { labelled, Trainer } from './trainer.ts';
import { loadState, loadWeights, saveState } from './trainingState.ts';

/** The engine to train on, and how much of its memory. */
export interface Machine {
  readonly engine: Engine;
  readonly limitBytes: number;
}

export interface NewRun {
  readonly config: ModelConfig;
  readonly settings: TrainingSettings;
  readonly data: Data;
  /** A checkpoint whose weights to begin with, instead of random ones. */
  readonly from?: string | undefined;
}

export interface TrainOptions {
  /** Aborting it stops the run after the step that it is in, and saves. */
  readonly signal?: AbortSignal | undefined;
  readonly onLine?: ((line: LogLine) => void) | undefined;
}

interface Parts {
  readonly folder: string;
  readonly settings: TrainingSettings;
  readonly trainer: Trainer;
  readonly data: Data;
}

export class Run {
  readonly folder: string;
  readonly settings: TrainingSettings;
  readonly trainer: Trainer;
  readonly data: Data;
  readonly sampler: Sampler;
  #step = 0;
  #countBytes: ((ids: Int32Array) => number) | undefined;

  private constructor({ folder, settings, trainer, data }: Parts) {
    this.folder = folder;
    this.settings = settings;
    this.trainer = trainer;
    this.data = data;
    refuseLargeIds(data, trainer);
    const { batch, length, seed } = settings;
    const validation = validationWindows(data.shards, settings);
    this.sampler = samplerOf(data.shards, { batch, length, seed, validation });
  }

  /**
   * Begins a run in an existing folder without one, and saves its first state.
   * @throws InputError if corpus and settings do not fit together; OutOfMemoryError
   */
  static async create(
    folder: string,
    { config, settings, data, from }: NewRun,
    machine: Machine,
  ): Promise<Run> {
    const trainer = new Trainer(machine.engine, config, settings, machine.limitBytes);
    const run = new Run({ folder, settings, trainer, data });
    if (from === undefined) initialise(trainer.engine, trainer.specs, trainer.weights, settings.seed);
    else await loadWeights(from, trainer);
    for (const tensor of trainer.moments) trainer.engine.allocate(tensor);
    await saveTokenizer(folder, data.tokenizer);
    await writeConfig(folder, config);
    await saveState(folder, trainer, 0);
    await writeRunFile(folder, { settings, tokens: data.folder, engine: engineName(trainer) });
    return run;
  }

  /**
   * Goes on from the last checkpoint of a run.
   * @param steps a new end of the run; the schedule then follows it
   * @throws InputError if the folder holds no run, or its files do not fit together
   */
  static async resume(folder: string, machine: Machine, steps?: number): Promise<Run> {
    const stored = await readRunFile(folder);
    const settings = parseSettings({ ...stored.settings, ...(steps === undefined ? {} : { steps }) });
    const config = await readConfig(folder);
    const tokenizer = await TextTokenizer.load(folder);
    const trainer = new Trainer(machine.engine, config, settings, machine.limitBytes);
    const shards = await TokenMix.open(stored.tokens, tokenizer);
    try {
      const run = new Run({ folder, settings, trainer, data: { tokenizer, shards, folder: stored.tokens } });
      run.#step = await loadState(folder, trainer);
      if (steps !== undefined) await writeRunFile(folder, { ...stored, settings });
      return run;
    } catch (error) {
      await shards.close();
      throw error;
    }
  }

  /** Updates done. */
  get step(): number {
    return this.#step;
  }

  get logPath(): string {
    return logPathOf(this.folder);
  }

  /** Tokens of one update. */
  get tokensPerStep(): number {
    const { batch, length, accumulation } = this.settings;
    return batch * length * accumulation;
  }

  /**
   * Trains to the end, or until the signal; either way the state is saved.
   * @throws DivergenceError if the loss is no number any more; the last checkpoint stays
   */
  async train({ signal, onLine }: TrainOptions = {}): Promise<'finished' | 'interrupted'> {
    const log = await TrainingLog.open(this.logPath, this.#step);
    let saved = this.#step;
    const save = async () => {
      if (saved === this.#step) return;
      await log.flush();
      await saveState(this.folder, this.trainer, this.#step);
      saved = this.#step;
    };
    const write = async (line: LogLine) => {
      await log.append(line);
      onLine?.(line);
    };
    try {
      const clock = new Clock(log.earlierTime);
      if (log.earlier.length === 0) for (const line of await this.validate()) await write(line);
      while (this.#step < this.settings.steps && !signal?.aborted) {
        await write(await this.#update(clock));
        if (this.#validates()) for (const line of await this.validate()) await write(line);
        if (this.#step % this.settings.saveEvery === 0) await save();
      }
      await save();
      return this.#step < this.settings.steps ? 'interrupted' : 'finished';
    } finally {
      await log.close();
    }
  }

  /** The loss on text kept out of training, each set by itself, with the weights as they are. */
  async validate(): Promise<ValidationLine[]> {
    const lines: ValidationLine[] = [];
    for (const set of this.sampler.validationSets) lines.push(await this.#measure(set));
    return lines;
  }

  async #measure({ name, batches }: ValidationSet): Promise<ValidationLine> {
    this.#countBytes ??= byteCounter(this.data.tokenizer);
    const countBytes = this.#countBytes;
    let [bytes, tokens] = [0, 0];
    async function* counted(batches: AsyncIterable<Batch>) {
      for await (const batch of batches) {
        bytes += countBytes(batch.labels);
        tokens += labelled(batch);
        yield batch;
      }
    }
    const loss = await this.trainer.validate(counted(batches()));
    const bitsPerByte = (loss * tokens) / Math.LN2 / Math.max(1, bytes);
    return { event: 'validation', ...(name ? { set: name } : {}), step: this.#step, loss, bitsPerByte };
  }

  async close(): Promise<void> {
    await this.data.shards.close();
  }

  async #update(clock: Clock): Promise<LogLine> {
    const { accumulation } = this.settings;
    clock.start();
    const passes = Array.from({ length: accumulation }, (_, pass) => this.#step * accumulation + pass);
    const batches = await Promise.all(passes.map((index) => this.sampler.batch(index)));
    const learningRate = rateAt(this.#step, this.settings);
    const result = await this.trainer.step(batches, this.#step, learningRate);
    this.#step++;
    const tokensPerSecond = Math.round(this.tokensPerStep / clock.stop());
    const tokens = this.#step * this.tokensPerStep;
    return {
      ...{ event: 'step', step: this.#step, ...result, learningRate, tokensPerSecond, tokens },
      time: Number(clock.total.toFixed(3)),
    };
  }

  #validates(): boolean {
    const { steps, validateEvery } = this.settings;
    return this.#step % validateEvery === 0 || this.#step === steps;
  }
}

/** Seconds spent in updates, those of earlier processes included. */
class Clock {
  total: number;
  #started = 0;

  constructor(earlier: number) {
    this.total = earlier;
  }

  start(): void {
    this.#started = performance.now();
  }

  /** Seconds since `start`. */
  stop(): number {
    const seconds = (performance.now() - this.#started) / 1000;
    this.total += seconds;
    return seconds;
  }
}

/** Engines of tests compute as the CPU does. */
function engineName({ engine }: Trainer): 'cpu' | 'webgpu' {
  return engine.name === 'webgpu' ? 'webgpu' : 'cpu';
}

/** Kernels trust ids; an id without a row in the embedding would be read from somewhere else. */
function refuseLargeIds({ shards, folder }: Data, { config }: Trainer): void {
  if (shards.vocabularySize <= config.vocabSize) return;
  throw new InputError(
    `${folder}: found a vocabulary of ${shards.vocabularySize} tokens, expected at most the model's ` +
      `${config.vocabSize}; use the model's own tokenizer`,
  );
}

/** Texts that are for validation only count as they are; of others whole batches, at most a tenth. */
function validationWindows(mix: TokenMix, { batch, length, validation }: TrainingSettings): number {
  if (mix.validation.length > 0) return validation;
  const tenth = Math.floor(mix.tokenCount / (length + 1) / 10);
  return batch * Math.floor(Math.min(validation, tenth) / batch);
}

export function logPathOf(folder: string): string {
  return join(folder, 'log.jsonl');
}
