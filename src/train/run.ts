/**
 * A training run in a folder:
 *
 *   training.json            settings, and where the token shards are
 *   config.json, model.safetensors, tokenizer.json …   the model, ready to be used at any time
 *   optimizer-<step>.safetensors   AdamW's moments
 *   log.jsonl                a line for each step and each validation
 *   tokens/                  the corpus as token shards, unless they lie elsewhere
 *
 * Batches depend only on the seed and the step, so a checkpoint holds weights, moments and the step. A run that was
 * interrupted and resumed ends with the same bits as one that was not.
 */
import { join } from 'node:path';
import { readConfig } from '../checkpoint/config.ts';
import { writeConfig } from '../checkpoint/writeConfig.ts';
import { type EngineName, engineNames } from '../engine/engines.ts';
import { InputError } from '../errors.ts';
import { FolderLock } from '../folderLock.ts';
import type { ModelConfig } from '../model/config.ts';
import { alone, type Group } from '../mpi/group.ts';
import { initialise } from '../run/initialise.ts';
import type { Batch, Sampler, ValidationSet } from '../text/batches.ts';
import { samplerOf } from '../text/mixedBatches.ts';
import { saveTokenizer } from '../text/saveTokenizer.ts';
import { TextTokenizer } from '../text/tokenizer.ts';
import { TokenMix } from '../text/tokenMix.ts';
import { byteCounter, type Data } from './data.ts';
import { type LogLine, TrainingLog, type ValidationLine } from './log.ts';
import { shareFacts } from './pace.ts';
import { type RunFile, readRunFile, writeRunFile } from './runFile.ts';
import { isHalfPrepared } from './runFolder.ts';
import { rateAt } from './schedule.ts';
import { parseSettings, type TrainingSettings } from './settings.ts';
import { labelled, type Machine, Trainer } from './trainer.ts';
import { loadState, loadWeights, saveState } from './trainingState.ts';

export type { Machine } from './trainer.ts';

export interface NewRun {
  readonly config: ModelConfig;
  readonly settings: TrainingSettings;
  readonly data: Data;
  /** A checkpoint with the initial weights, instead of random ones. */
  readonly from?: string | undefined;
  /** The lock on the folder, which the run releases when it is closed; without it the run takes its own. */
  readonly lock?: FolderLock | undefined;
}

export interface TrainOptions {
  /** Aborting it stops the run after the current step, and saves. */
  readonly signal?: AbortSignal | undefined;
  readonly onLine?: ((line: LogLine) => void) | undefined;
}

interface Parts {
  readonly folder: string;
  readonly settings: TrainingSettings;
  readonly trainer: Trainer;
  readonly data: Data;
  /** On rank 0, which alone writes. */
  readonly lock: FolderLock | undefined;
}

export class Run {
  readonly folder: string;
  readonly settings: TrainingSettings;
  readonly trainer: Trainer;
  readonly data: Data;
  readonly sampler: Sampler;
  /** Notices for the user from resuming the run. */
  readonly notices: string[] = [];
  readonly #lock: FolderLock | undefined;
  #step = 0;
  #countBytes: ((ids: Int32Array) => number) | undefined;

  private constructor({ folder, settings, trainer, data, lock }: Parts) {
    this.#lock = lock;
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
  static async create(folder: string, plan: NewRun, machine: Machine): Promise<Run> {
    const lock = plan.lock ?? (await lockFor(folder, machine));
    try {
      return await Run.#create(folder, { ...plan, lock }, machine);
    } catch (error) {
      if (!plan.lock) await lock?.release();
      throw error;
    }
  }

  static async #create(
    folder: string,
    { config, settings, data, from, lock }: NewRun,
    machine: Machine,
  ): Promise<Run> {
    const trainer = new Trainer(machine, config, settings);
    const run = new Run({ folder, settings, trainer, data, lock });
    if (from === undefined) initialise(trainer.engine, trainer.specs, trainer.weights, settings.seed);
    else await loadWeights(from, trainer);
    await trainer.update.begin();
    const writes = trainer.group.rank === 0;
    if (writes) {
      await saveTokenizer(folder, data.tokenizer);
      await writeConfig(folder, config);
    }
    await saveState(folder, trainer, 0);
    if (writes) {
      const dataHash = await data.shards.contentHash();
      await writeRunFile(folder, { settings, tokens: data.folder, engine: engineOf(trainer), dataHash });
    }
    return run;
  }

  /**
   * Resumes a run from its last checkpoint.
   * @param steps a new number of steps; the schedule changes accordingly
   * @throws InputError if the folder holds no run, or its files do not fit together
   */
  static async resume(folder: string, machine: Machine, steps?: number): Promise<Run> {
    if (await isHalfPrepared(folder)) {
      throw new InputError(
        `${folder}: found a run that was killed while it was prepared, expected a complete one; ` +
          'start it again with its first command, without --resume',
      );
    }
    await readRunFile(folder); // a folder without a run gets no lock either
    const lock = await lockFor(folder, machine);
    try {
      return await Run.#resume(folder, lock, machine, steps);
    } catch (error) {
      await lock?.release();
      throw error;
    }
  }

  static async #resume(
    folder: string,
    lock: FolderLock | undefined,
    machine: Machine,
    steps?: number,
  ): Promise<Run> {
    const stored = await readRunFile(folder);
    const settings = parseSettings({ ...stored.settings, ...(steps === undefined ? {} : { steps }) });
    const config = await readConfig(folder);
    const tokenizer = await TextTokenizer.load(folder);
    const trainer = new Trainer(machine, config, settings);
    const shards = await TokenMix.open(stored.tokens, tokenizer);
    try {
      const run = new Run({
        ...{ folder, settings, trainer, lock },
        data: { tokenizer, shards, folder: stored.tokens },
      });
      run.#step = await loadState(folder, trainer);
      refuseEarlierEnd(folder, run.#step, steps);
      await trainer.update.begin();
      if (trainer.group.rank > 0) return run;
      const dataHash = await shards.contentHash();
      refuseOtherData(stored, dataHash);
      if (stored.dataHash === undefined) run.notices.push(unverified);
      if (steps !== undefined || stored.dataHash === undefined)
        await writeRunFile(folder, { ...stored, settings, dataHash });
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
   * @throws DivergenceError if the loss is not finite; the last checkpoint is kept
   */
  async train({ signal, onLine }: TrainOptions = {}): Promise<'finished' | 'interrupted'> {
    const { group, update } = this.trainer;
    const log = group.rank === 0 ? await TrainingLog.open(this.logPath, this.#step) : noLog;
    const [isNew, asked] = await anyOf(group, [log.earlier.length === 0, signal?.aborted ?? false]);
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
      if (isNew) for (const line of await this.validate()) await write(line);
      let [stop, met] = [asked, this.#step];
      while (this.#step < this.settings.steps && !stop) {
        const done = await this.#update(clock, signal);
        await write(done.line);
        const isLast = this.#step === this.settings.steps;
        if (!update.inSync(this.#step) && !isLast) continue;
        const due = (every: number) => Math.floor(this.#step / every) > Math.floor(met / every);
        if (due(this.settings.validateEvery) || isLast) {
          for (const line of await this.validate()) await write(line);
        }
        if (due(this.settings.saveEvery)) await save();
        // Several ranks stop where all of them know that one was asked to stop.
        [stop, met] = [group.size > 1 ? done.stop : (signal?.aborted ?? false), this.#step];
      }
      await save();
      return this.#step < this.settings.steps ? 'interrupted' : 'finished';
    } finally {
      await log.close();
    }
  }

  /** Measures the loss of the current weights on each validation set. */
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
    await this.#lock?.release();
  }

  /** `stop` is true on every rank once any rank is asked to stop. */
  async #update(clock: Clock, signal?: AbortSignal): Promise<{ line: LogLine; stop: boolean }> {
    const { trainer, settings } = this;
    const [first, end] = trainer.passes;
    clock.start();
    const passes = Array.from(
      { length: end - first },
      (_, pass) => this.#step * settings.accumulation + first + pass,
    );
    const batches = await Promise.all(passes.map((index) => this.sampler.batch(index)));
    const learningRate = rateAt(this.#step, settings);
    const result = await trainer.step(batches, this.#step, learningRate);
    this.#step++;
    const { gradientNorm, waited, lossSum, labels } = result;
    const busy = clock.stop() - waited;
    const share = (end - first) / settings.accumulation;
    const own = {
      ...{ lossSum, labels },
      pace: (this.tokensPerStep * share) / busy,
      waited,
      stop: signal?.aborted ?? false,
    };
    const isInSync = trainer.update.inSync(this.#step) || this.#step === settings.steps;
    // Between synchronisations a rank knows only its own facts.
    const all = isInSync ? await shareFacts(trainer.group, own) : own;
    const tokensPerSecond = Math.round(this.tokensPerStep / clock.last);
    const ranks = { slowestRank: Math.round(all.pace), waited: Number(all.waited.toFixed(4)) };
    const line: LogLine = {
      ...{
        event: 'step',
        step: this.#step,
        loss: all.lossSum / Math.max(1, all.labels),
        gradientNorm,
        learningRate,
        tokensPerSecond,
      },
      ...{ tokens: this.#step * this.tokensPerStep, time: Number(clock.total.toFixed(3)) },
      ...(trainer.group.size > 1 && isInSync ? ranks : {}),
    };
    return { line, stop: all.stop };
  }
}

async function lockFor(folder: string, { group = alone }: Machine): Promise<FolderLock | undefined> {
  return group.rank === 0 ? FolderLock.take(folder) : undefined;
}

/** Seconds spent in updates, those of earlier processes included. */
class Clock {
  total: number;
  /** Of the last update. */
  last = 0;
  #started = 0;

  constructor(earlier: number) {
    this.total = earlier;
  }

  start(): void {
    this.#started = performance.now();
  }

  /** Seconds since `start`. */
  stop(): number {
    this.last = (performance.now() - this.#started) / 1000;
    this.total += this.last;
    return this.last;
  }
}

/** Replaces the log on ranks that do not write. */
const noLog = { earlier: [], earlierTime: 0, async append() {}, async flush() {}, async close() {} };

/** Shares flags: the first is taken from rank 0, each other one is true if it is true on any rank. */
async function anyOf(group: Group, [first, ...others]: readonly boolean[]): Promise<boolean[]> {
  const answers = await group.gather([first, ...others]);
  return [answers[0]![0]!, ...others.map((_, index) => answers.some((own) => own[index + 1]!))];
}

/** An engine that is not in the list, such as a test's, counts as the default. */
function engineOf({ engine }: Trainer): EngineName {
  return engineNames.find((name) => name === engine.name) ?? 'cpu';
}

/** A notice for runs of earlier versions. */
const unverified =
  'this run was begun by an earlier version, which kept no hash of its data: make sure that the data is the same';

function refuseOtherData({ tokens, dataHash }: RunFile, found: string): void {
  if (dataHash === undefined || dataHash === found) return;
  throw new InputError(
    `${tokens}: found other tokens than the run was begun with (SHA-256 ${found.slice(0, 12)}…, expected ` +
      `${dataHash.slice(0, 12)}…); restore the data, or begin a new run with --from and the same --data`,
  );
}

/** Kernels do not check ids: an id without a row in the embedding would read other memory. */
function refuseLargeIds({ shards, folder }: Data, { config }: Trainer): void {
  if (shards.vocabularySize <= config.vocabSize) return;
  throw new InputError(
    `${folder}: found a vocabulary of ${shards.vocabularySize} tokens, expected at most the model's ` +
      `${config.vocabSize}; use the model's own tokenizer`,
  );
}

/** Windows for validation: all of dedicated validation texts, or whole batches and at most a tenth of the corpus. */
function validationWindows(mix: TokenMix, { batch, length, validation }: TrainingSettings): number {
  if (mix.validation.length > 0) return validation;
  const tenth = Math.floor(mix.tokenCount / (length + 1) / 10);
  return batch * Math.floor(Math.min(validation, tenth) / batch);
}

export function logPathOf(folder: string): string {
  return join(folder, 'log.jsonl');
}

/** @throws InputError if a resumed run has gone beyond its new end */
function refuseEarlierEnd(folder: string, step: number, steps: number | undefined): void {
  if (steps === undefined || steps >= step) return;
  throw new InputError(
    `${folder}: steps: found ${steps}, but the run is at step ${step}; expected ${step} or more`,
  );
}
