/** One model in one engine's memory with the programs that train and validate it; no files, no loop. */
import { bytesOf, type Engine } from '../engine/engine.ts';
import { InputError } from '../errors.ts';
import { type Architecture, architectureOf } from '../model/architecture.ts';
import type { ModelConfig } from '../model/config.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import { type WeightMode, Weights } from '../model/weights.ts';
import { alone, type Group, shareOf, sumTree } from '../mpi/group.ts';
import { settingsVector } from '../ops/adamw/adamw.ts';
import type { Batch } from '../text/batches.ts';
import { type ConnectingEngine, DeviceUpdate } from './deviceUpdate.ts';
import { LocalUpdate } from './localUpdate.ts';
import { needsOf, refuseIfTooLarge, type TrainingNeeds } from './needs.ts';
import { OwnUpdate } from './ownUpdate.ts';
import type { TrainingSettings } from './settings.ts';
import { SharedUpdate } from './sharedUpdate.ts';
import { recordLoss } from './step.ts';
import { LoadedPrograms, numberOf, type Update, type UpdateResult } from './update.ts';

/** The engine and ranks that train. */
export interface Machine {
  readonly engine: Engine;
  /** Memory of it that may be used. */
  readonly limitBytes: number;
  /** The ranks that train together; default: this one alone. */
  readonly group?: Group | undefined;
  /** Each rank keeps 1/N of AdamW's state. */
  readonly shardOptimizer?: boolean | undefined;
  /** Elements that ranks exchange at a time. */
  readonly bucketSize?: number | undefined;
}

/** The result of a step. */
export interface StepResult extends Omit<UpdateResult, 'losses'> {
  /** Loss in nats before the update, summed over this rank's labels. */
  readonly lossSum: number;
  /** Labels of this rank's passes. */
  readonly labels: number;
}

/** Loss, gradients or state are not finite: the weights in memory are lost, the last checkpoint is intact. */
export class DivergenceError extends InputError {
  override name = 'DivergenceError';
}

export class Trainer {
  readonly engine: Engine;
  readonly group: Group;
  readonly config: ModelConfig;
  readonly specs: readonly ParameterSpec[];
  readonly needs: TrainingNeeds;
  readonly update: Update;
  /** Passes of a step that are this rank's: [first, end). */
  readonly passes: readonly [first: number, end: number];
  readonly #settings: TrainingSettings;
  readonly #loss: ReturnType<typeof recordLoss>;
  readonly #loaded: LoadedPrograms;

  /**
   * Records the programs; memory is taken when weights are written or a step runs.
   * @throws OutOfMemoryError if training needs more than the limit; InputError if there is not a pass for each rank
   */
  constructor(machine: Machine, config: ModelConfig, settings: TrainingSettings) {
    const { engine, limitBytes, group = alone } = machine;
    const architecture = architectureOf(config);
    this.engine = engine;
    this.group = group;
    this.config = config;
    this.specs = architecture.parameters();
    this.passes = shareOf(settings.accumulation, group);
    this.#settings = settings;
    refuseUnevenShares(settings, group);
    this.update = updateOf(machine, architecture, settings, this.passes);
    this.#loss = recordLoss(architecture, this.weights, settings);
    this.#loaded = new LoadedPrograms(engine);
    this.needs = needsOf([...this.update.programs, this.#loss.program], this.weights.all());
    refuseIfTooLarge(this.needs, limitBytes);
  }

  get weights(): Weights {
    return this.update.weights;
  }

  /**
   * One update of the weights.
   * @param batches one for each of this rank's passes
   * @param step counted from 0
   * @throws DivergenceError if loss or gradients are not finite
   */
  async step(batches: readonly Batch[], step: number, learningRate: number): Promise<StepResult> {
    const { beta1, beta2, epsilon, maxNorm, steps } = this.#settings;
    const counts = batches.map(labelled);
    const own = counts.reduce((sum, count) => sum + count, 0);
    const all = await this.update.countLabels(own);
    this.update.inputs.forEach(({ ids, labels, share }, pass) => {
      if (share) this.engine.write(share, bytesOf(Float32Array.of(counts[pass]! / Math.max(1, all))));
      this.engine.write(ids, bytesOf(batches[pass]!.inputs));
      this.engine.write(labels, bytesOf(batches[pass]!.labels));
    });
    const vector = settingsVector({
      ...{ learningRate, beta1, beta2, epsilon },
      step: step + 1,
      maxNorm: maxNorm || Number.POSITIVE_INFINITY,
    });
    const result = await this.update.run(vector, step, step + 1 === steps);
    const sums = result.losses.map((mean, pass) => mean * counts[pass]!);
    const lossSum = sumTree(sums, (a, b) => a + b);
    const { gradientNorm, waited } = result;
    refuseDivergence(lossSum / Math.max(1, own), gradientNorm, step);
    return { lossSum, labels: own, gradientNorm, waited };
  }

  /** Mean loss in nats a token, without training. Ranks share the batches, of which each is given all. */
  async validate(batches: AsyncIterable<Batch>): Promise<number> {
    const { rank, size } = this.group;
    const own: { readonly index: number; readonly labels: number; readonly loss: number | null }[] = [];
    let index = 0;
    for await (const batch of batches) {
      if (index % size === rank) {
        this.engine.write(this.#loss.ids, bytesOf(batch.inputs));
        this.engine.write(this.#loss.labels, bytesOf(batch.labels));
        await this.#loaded.run(this.#loss.program);
        own.push({ index, labels: labelled(batch), loss: await numberOf(this.engine, this.#loss.loss) });
      }
      index++;
    }
    const all = (await this.group.gather(own)).flat().sort((a, b) => a.index - b.index);
    let [sum, count] = [0, 0];
    for (const { labels, loss } of all) {
      sum += labels * (loss ?? Number.NaN); // JSON turns NaN into null
      count += labels;
    }
    return sum / Math.max(1, count);
  }

  /** @throws InputError if the weights of ranks differ, which means a hardware or network fault */
  async refuseDrift(): Promise<void> {
    if (this.group.size === 1) return;
    let checksum = 0;
    for (const tensor of this.weights.all()) {
      const bytes = await this.engine.read(tensor);
      const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
      for (const word of words) checksum = (Math.imul(checksum, 31) + word) | 0;
    }
    const checksums = await this.group.gather(checksum);
    const other = checksums.findIndex((found) => found !== checksums[0]);
    if (other < 0) return;
    throw new InputError(
      `rank ${other} on ${this.group.hosts[other]} has other weights than rank 0 on ${this.group.hosts[0]}, expected ` +
        'the same bits: the hardware of one of them or the network is faulty; resume from the last checkpoint',
    );
  }
}

function updateOf(
  { engine, group = alone, shardOptimizer = false, bucketSize }: Machine,
  architecture: Architecture,
  settings: TrainingSettings,
  [first, end]: readonly [number, number],
): Update {
  const { batch, length, accumulation: allPasses, localSteps, ordered, recompute, logitBytes } = settings;
  const mode: WeightMode = settings.plainBitLinear ? 'plain' : 'training';
  const decay = (spec: ParameterSpec) => decayOf(spec, settings);
  const shape = { batch, length, accumulation: end - first, recompute, logitBytes };
  if (localSteps > 0) {
    if (shardOptimizer) {
      throw new InputError(
        'shard-optimizer: found it with local-steps, but ranks that train alone need the whole state each; expected one',
      );
    }
    const { outerLearningRate, outerMomentum } = settings;
    const outer = { localSteps, outerLearningRate, outerMomentum };
    const options = { ...outer, mode, group, ordered, bucketSize };
    return new LocalUpdate(engine, architecture, shape, options, decay);
  }
  if (group.size === 1 && !ordered && !shardOptimizer) {
    const weights = new Weights(architecture.parameters(), mode);
    return new OwnUpdate(engine, architecture, weights, shape, decay);
  }
  if (connects(engine) && !ordered) {
    const options = { mode, group, bucketSize };
    return new DeviceUpdate(engine, architecture, { ...shape, allPasses, ordered }, options, decay);
  }
  const options = { mode, group, shardOptimizer, bucketSize };
  return new SharedUpdate(engine, architecture, { ...shape, allPasses, ordered }, options, decay);
}

function connects(engine: Engine): engine is ConnectingEngine {
  return engine.connect !== undefined;
}

/** All passes of a rank are recorded in one program, which bounds their number. */
const maxPasses = 64;

function refuseUnevenShares({ accumulation }: TrainingSettings, { size }: Group): void {
  const ranks = size === 1 ? 'one rank' : `${size} ranks`;
  if (accumulation < size) {
    throw new InputError(
      `accumulation: found ${accumulation} passes an update for ${ranks}, expected at least one for each; ` +
        `start at most ${accumulation} ranks, or begin a run with --accumulation ${size}`,
    );
  }
  if (accumulation > maxPasses * size) {
    throw new InputError(
      `accumulation: found ${accumulation} passes an update for ${ranks}, expected at most ${maxPasses} for each; ` +
        'make batch larger, or start more ranks',
    );
  }
}

/** Number of labels of a batch: tokens to predict. */
export function labelled({ labels }: Batch): number {
  return labels.reduce((count, label) => (label >= 0 ? count + 1 : count), 0);
}

/** Weights of norms and lower bounds do not decay: 0 is not their neutral value. */
function decayOf({ role }: ParameterSpec, { weightDecay, decayAll }: TrainingSettings): number {
  return decayAll || role !== 'vector' ? weightDecay : 0;
}

function refuseDivergence(loss: number, gradientNorm: number, step: number): void {
  if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
  throw new DivergenceError(
    `step ${step + 1}: found loss ${loss} and gradient norm ${gradientNorm}, expected finite numbers; ` +
      'try a lower learning rate or a longer warm-up',
  );
}
