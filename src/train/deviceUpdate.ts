/**
 * Ranks whose engines exchange variables by themselves (GPUs through NCCL). Each bucket of gradients is summed while the
 * backward pass continues with the next one; each rank then updates its part of every bucket with 1/N of AdamW's state, and
 * the ranks give one another the new weights while they update the next ones.
 */
import type { Collectives } from '../engine/collectives.ts';
import { bytesOf, type Engine } from '../engine/engine.ts';
import type { Architecture } from '../model/architecture.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import { type WeightMode, Weights } from '../model/weights.ts';
import type { Group } from '../mpi/group.ts';
import { type Bucket, layOut, weightsOf } from './buckets.ts';
import { type DeviceStep, recordDeviceStep } from './deviceStep.ts';
import { partedMoments } from './parts.ts';
import { type GradientShape, type PartMoments, partMoments } from './sharedStep.ts';
import { countAllLabels } from './sharedUpdate.ts';
import { LoadedPrograms, type Update, type UpdateResult, writeFloats } from './update.ts';

/** An engine that can exchange variables with those of other ranks. */
export type ConnectingEngine = Engine & Required<Pick<Engine, 'connect'>>;

export interface DeviceOptions {
  readonly mode: WeightMode;
  readonly group: Group;
  readonly bucketSize: number | undefined;
}

/** Elements of a bucket: exchanges of less would spend more time on starting. */
const defaultBucketSize = 2 ** 23;
/** Milliseconds between two looks at the exchanges of a step. */
const lookEvery = 200;

export class DeviceUpdate implements Update {
  readonly specs: readonly ParameterSpec[];
  readonly weights: Weights;
  readonly states = 1;
  readonly #engine: ConnectingEngine;
  readonly #group: Group;
  readonly #buckets: readonly Bucket[];
  readonly #moments: Map<Bucket, PartMoments>;
  readonly #step: DeviceStep;
  readonly #loaded: LoadedPrograms;
  #collectives: Collectives | undefined;

  constructor(
    engine: ConnectingEngine,
    architecture: Architecture,
    shape: GradientShape,
    { mode, group, bucketSize = defaultBucketSize }: DeviceOptions,
    decay: (spec: ParameterSpec) => number,
  ) {
    this.specs = architecture.parameters();
    this.#engine = engine;
    this.#group = group;
    this.#buckets = layOut(this.specs, group.size, bucketSize);
    this.weights = new Weights(this.specs, mode, new Map(), weightsOf(this.#buckets));
    this.#moments = new Map(this.#buckets.map((bucket, index) => [bucket, partMoments(bucket, index)]));
    const own = { buckets: this.#buckets, rank: group.rank, moments: this.#moments };
    this.#step = recordDeviceStep(architecture, this.weights, own, shape, decay);
    this.#loaded = new LoadedPrograms(engine);
  }

  get programs() {
    return [this.#step.program];
  }

  get inputs() {
    return this.#step.inputs;
  }

  async run(settings: Float32Array): Promise<UpdateResult> {
    const { program, losses, clip } = this.#step;
    writeFloats(this.#engine, this.#step.settings, settings);
    const [lossTargets, clipTarget] = [losses.map(() => new Float32Array(1)), new Float32Array(2)];
    const reads = [
      ...losses.map((tensor, pass) => ({ tensor, target: bytesOf(lossTargets[pass]!) })),
      { tensor: clip, target: bytesOf(clipTarget) },
    ];
    await this.#guard(this.#loaded.run(program, reads, (mark) => this.#exchange(mark)));
    return { losses: lossTargets.map((loss) => loss[0]!), gradientNorm: clipTarget[0]!, waited: 0 };
  }

  countLabels(own: number): Promise<number> {
    return countAllLabels(this.#group, own);
  }

  inSync(): boolean {
    return true;
  }

  async begin(): Promise<void> {
    for (const { m, v } of this.#moments.values()) {
      this.#engine.allocate(m);
      this.#engine.allocate(v);
    }
    this.#engine.allocate(this.#step.squares);
    const { rank, size } = this.#group;
    const broadcast = (bytes: Uint8Array) => this.#group.broadcast(bytes);
    this.#collectives = await this.#engine.connect({ rank, size, broadcast });
    await this.#group.barrier();
  }

  saved() {
    return partedMoments(this.#group, this.#buckets, this.#engine, this.#moments);
  }

  restored() {
    return this.saved();
  }

  /** Queues what follows a mark of the program. */
  #exchange(mark: number): void {
    const { completed, squares, squared, updated } = this.#step;
    const collectives = this.#collectives!;
    const bucket = completed[mark];
    if (bucket) collectives.sumParts(bucket.gradients);
    if (mark === squared) collectives.sum(squares);
    const some = updated[mark - squared - 1];
    if (some) collectives.gatherParts(some.map(({ weights }) => weights));
    if (mark === completed.length - 1 || mark === squared || some === updated.at(-1)) collectives.join();
  }

  /** Waits for a step, and ends its exchanges if another rank is gone, which they would wait for without end. */
  async #guard(step: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const broken = new Promise<never>((_, reject) => {
      timer = setInterval(() => {
        const failure = this.#collectives!.failure();
        if (failure) reject(failure);
      }, lookEvery);
    });
    try {
      await Promise.race([step, broken, ...(this.#group.lost ? [this.#group.lost] : [])]);
    } catch (error) {
      this.#collectives!.abort();
      step.catch(() => {}); // the first error is the cause
      throw error;
    } finally {
      clearInterval(timer);
    }
  }
}
