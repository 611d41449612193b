/**
 * Ranks train alone for many steps between synchronisations (DiLoCo: Douillard et al., 2023, arXiv 2311.08105). The
 * average change of their weights is the gradient of an outer optimizer, SGD with Nesterov momentum:
 *
 *   Δ = θ − mean(θ of the ranks);  v ← μ·v + Δ;  θ ← θ − η·(Δ + μ·v),
 *
 * All ranks continue from the new θ. Each keeps its own AdamW state, and the outer state of its part of each bucket.
 */
import type { Engine } from '../engine/engine.ts';
import type { Architecture } from '../model/architecture.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import { type WeightMode, Weights } from '../model/weights.ts';
import type { Group } from '../mpi/group.ts';
import { type Bucket, layOut, weightsOf } from './buckets.ts';
import { Exchange } from './exchange.ts';
import { OwnUpdate } from './ownUpdate.ts';
import { partedTensors } from './parts.ts';
import type { StepShape } from './step.ts';
import type { RestoredTensor, SavedTensor, Update, UpdateResult } from './update.ts';

export interface LocalOptions {
  readonly mode: WeightMode;
  readonly group: Group;
  /** Steps between two synchronisations. */
  readonly localSteps: number;
  /** η */
  readonly outerLearningRate: number;
  /** μ */
  readonly outerMomentum: number;
  readonly ordered: boolean;
  readonly bucketSize: number | undefined;
}

/** Outer state of a rank's part of a bucket [partSize]. */
interface OuterState {
  /** θ: the weights after the last synchronisation. */
  readonly start: Float32Array;
  /** v */
  readonly velocity: Float32Array;
}

export class LocalUpdate implements Update {
  readonly specs: readonly ParameterSpec[];
  readonly weights: Weights;
  readonly #inner: OwnUpdate;
  readonly #buckets: readonly Bucket[];
  readonly #outer: ReadonlyMap<Bucket, OuterState>;
  readonly #exchange: Exchange;
  readonly #options: LocalOptions;

  constructor(
    engine: Engine,
    architecture: Architecture,
    shape: StepShape,
    options: LocalOptions,
    decay: (spec: ParameterSpec) => number,
  ) {
    const { mode, group, ordered, bucketSize } = options;
    this.specs = architecture.parameters();
    this.#buckets = layOut(this.specs, group.size, bucketSize);
    this.weights = new Weights(this.specs, mode, new Map(), weightsOf(this.#buckets));
    this.#inner = new OwnUpdate(engine, architecture, this.weights, shape, decay);
    this.#exchange = new Exchange(engine, group, { ordered, partsOnly: true });
    this.#options = options;
    this.#outer = new Map(
      this.#buckets.map((bucket) => [
        bucket,
        { start: new Float32Array(bucket.partSize), velocity: new Float32Array(bucket.partSize) },
      ]),
    );
  }

  get states(): number {
    return this.#options.group.size;
  }

  get programs() {
    return this.#inner.programs;
  }

  get inputs() {
    return this.#inner.inputs;
  }

  async run(settings: Float32Array, step: number, last: boolean): Promise<UpdateResult> {
    const { losses, gradientNorm } = await this.#inner.run(settings);
    const began = performance.now();
    if (last || this.inSync(step + 1)) await this.#synchronise();
    const waited = (performance.now() - began) / 1000;
    return { losses, gradientNorm, waited };
  }

  /** Each rank updates alone, by its own labels. */
  async countLabels(own: number): Promise<number> {
    return own;
  }

  inSync(steps: number): boolean {
    return steps % this.#options.localSteps === 0;
  }

  /** Takes the weights, which are the same on all ranks, as the first θ. */
  async begin(): Promise<void> {
    await this.#inner.begin();
    for (const bucket of this.#buckets) {
      const weights = await this.#exchange.numbersOf(bucket.weights);
      this.#outer.get(bucket)!.start.set(this.#ownPart(weights, bucket));
    }
  }

  saved(): readonly SavedTensor[] {
    const { group } = this.#options;
    const ranks = Array.from({ length: group.size }, (_, rank) => rank);
    const moments = ranks.flatMap((rank) =>
      this.#inner.saved().map(({ name, shape, read }) => ({
        name: momentName(rank, name),
        shape,
        async read() {
          const bytes = (await read()).slice();
          await group.broadcast(bytes, rank);
          return bytes;
        },
      })),
    );
    return [...moments, ...this.#velocities()];
  }

  /** With more ranks than the checkpoint has states, the extra ranks start with the moments of others. */
  restored(states: number): readonly RestoredTensor[] {
    const rank = this.#options.group.rank % states;
    const moments = this.#inner
      .restored()
      .map(({ name, shape, write }) => ({ name: momentName(rank, name), shape, write }));
    return [...moments, ...this.#velocities()];
  }

  async #synchronise(): Promise<void> {
    for (const bucket of this.#buckets) await this.#sumWeights(bucket);
    await this.#exchange.spread(this.#buckets);
  }

  /** Replaces this rank's part of a bucket by the outer update of the mean over all ranks. */
  async #sumWeights(bucket: Bucket): Promise<void> {
    const { group, outerLearningRate, outerMomentum } = this.#options;
    const { start, velocity } = this.#outer.get(bucket)!;
    const weights = await this.#exchange.sumOf(bucket.weights);
    const own = this.#ownPart(weights, bucket);
    for (let i = 0; i < own.length; i++) {
      const gradient = start[i]! - own[i]! / group.size;
      const v = outerMomentum * velocity[i]! + gradient;
      velocity[i] = v;
      own[i] = start[i]! - outerLearningRate * (gradient + outerMomentum * v);
    }
    start.set(own);
    this.#exchange.writeBack(bucket.weights, weights);
  }

  #velocities() {
    const { group } = this.#options;
    return partedTensors(
      group,
      this.#buckets,
      { prefix: 'outer.' },
      {
        read: async (bucket, first, count) => this.#outer.get(bucket)!.velocity.slice(first, first + count),
        write: (bucket, first, values) => this.#outer.get(bucket)!.velocity.set(values, first),
      },
    );
  }

  #ownPart(numbers: Float32Array, { partSize }: Bucket): Float32Array {
    const { rank } = this.#options.group;
    return numbers.subarray(rank * partSize, (rank + 1) * partSize);
  }
}

/** Rank 0's moments have the names that those of one rank have. */
function momentName(rank: number, name: string): string {
  return rank === 0 ? name : `rank${rank}.${name}`;
}
