/**
 * Ranks that synchronise every step: gradients are summed bucket by bucket during the backward pass. Every rank then
 * updates all weights, or (`shardOptimizer`) its part of each bucket with 1/N of AdamW's state, and receives the other
 * parts.
 */
import { bytesOf, type Engine } from '../engine/engine.ts';
import type { Architecture } from '../model/architecture.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import { type WeightMode, Weights } from '../model/weights.ts';
import type { Group } from '../mpi/group.ts';
import type { Program } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';
import { type Bucket, layOut, weightsOf } from './buckets.ts';
import { Exchange } from './exchange.ts';
import { partedMoments } from './parts.ts';
import {
  type GradientShape,
  type GradientStep,
  type PartMoments,
  type PartUpdateStep,
  partMoments,
  recordGradients,
  recordPartUpdate,
  recordUpdate,
  type UpdateStep,
} from './sharedStep.ts';
import { momentsOf } from './step.ts';
import {
  LoadedPrograms,
  numberOf,
  type RestoredTensor,
  type SavedTensor,
  stored,
  type Update,
  type UpdateResult,
  writeFloats,
} from './update.ts';

export interface SharedOptions {
  readonly mode: WeightMode;
  readonly group: Group;
  readonly shardOptimizer: boolean;
  readonly bucketSize: number | undefined;
}

export class SharedUpdate implements Update {
  readonly specs: readonly ParameterSpec[];
  readonly weights: Weights;
  readonly states = 1;
  readonly programs;
  readonly #engine: Engine;
  readonly #group: Group;
  readonly #buckets: readonly Bucket[];
  readonly #exchange: Exchange;
  readonly #gradients: GradientStep;
  readonly #optimizer: Optimizer;
  readonly #loaded: LoadedPrograms;

  constructor(
    engine: Engine,
    architecture: Architecture,
    shape: GradientShape,
    { mode, group, shardOptimizer, bucketSize }: SharedOptions,
    decay: (spec: ParameterSpec) => number,
  ) {
    this.specs = architecture.parameters();
    this.#engine = engine;
    this.#group = group;
    this.#buckets = layOut(this.specs, group.size, bucketSize);
    this.weights = new Weights(this.specs, mode, new Map(), weightsOf(this.#buckets));
    this.#exchange = new Exchange(engine, group, { ordered: shape.ordered, partsOnly: shardOptimizer });
    this.#gradients = recordGradients(architecture, this.weights, this.#buckets, shape);
    this.#loaded = new LoadedPrograms(engine);
    const parts = { engine, group, specs: this.specs, buckets: this.#buckets, loaded: this.#loaded };
    const { trained } = this.#gradients;
    this.#optimizer = shardOptimizer
      ? new PartOptimizer({ ...parts, trained, exchange: this.#exchange }, decay)
      : new WholeOptimizer({ ...parts, trained }, decay);
    this.programs = [this.#gradients.program, ...this.#optimizer.programs];
  }

  get inputs() {
    return this.#gradients.inputs;
  }

  async run(settings: Float32Array): Promise<UpdateResult> {
    const { program, losses, completed } = this.#gradients;
    const targets = losses.map(() => new Float32Array(1));
    const reads = losses.map((tensor, pass) => ({ tensor, target: bytesOf(targets[pass]!) }));
    await this.#loaded.run(program, reads, (mark) => this.#exchange.start(completed[mark]!));
    const began = performance.now();
    await this.#exchange.finish();
    const waited = (performance.now() - began) / 1000;
    const updated = await this.#optimizer.run(settings);
    const means = targets.map((loss) => loss[0]!);
    return { losses: means, gradientNorm: updated.gradientNorm, waited: waited + updated.waited };
  }

  countLabels(own: number): Promise<number> {
    return countAllLabels(this.#group, own);
  }

  inSync(): boolean {
    return true;
  }

  async begin(): Promise<void> {
    for (const { gradients } of this.#buckets) this.#engine.allocate(gradients);
    for (const moment of this.#optimizer.moments) this.#engine.allocate(moment);
    await this.#group.barrier();
  }

  saved(): readonly SavedTensor[] {
    return this.#optimizer.stored();
  }

  restored(): readonly RestoredTensor[] {
    return this.#optimizer.stored();
  }
}

/** Labels of all ranks, of which this one has `own`. */
export async function countAllLabels(group: Group, own: number): Promise<number> {
  if (group.size === 1) return own;
  const counts = new Float64Array(group.size);
  counts[group.rank] = own;
  await group.gatherParts(new Float32Array(counts.buffer)); // bytes are exchanged unchanged
  return counts.reduce((sum, count) => sum + count, 0);
}

interface OptimizerParts {
  readonly engine: Engine;
  readonly group: Group;
  readonly specs: readonly ParameterSpec[];
  readonly buckets: readonly Bucket[];
  readonly loaded: LoadedPrograms;
  readonly trained: ReadonlySet<ParameterSpec>;
}

type Updated = Omit<UpdateResult, 'losses'>;

interface Optimizer {
  readonly programs: readonly Program[];
  readonly moments: readonly Tensor[];
  run(settings: Float32Array): Promise<Updated>;
  stored(): (SavedTensor & RestoredTensor)[];
}

/** Every rank updates all weights, with the sums of all gradients: the same bits everywhere. */
class WholeOptimizer implements Optimizer {
  readonly moments;
  readonly #parts: OptimizerParts;
  readonly #update: UpdateStep;

  constructor(parts: OptimizerParts, decay: (spec: ParameterSpec) => number) {
    const { specs, buckets, trained } = parts;
    const moments = momentsOf(specs);
    const members = new Map(
      buckets.flatMap((bucket) => bucket.members.map((member) => [member.spec, member])),
    );
    // In the order of one rank alone, so that the norm is summed as there.
    const inOrder = specs.filter((spec) => trained.has(spec)).map((spec) => members.get(spec)!);
    this.moments = [...moments.values()].flatMap(({ m, v }) => [m, v]);
    this.#parts = parts;
    this.#update = recordUpdate(inOrder, moments, decay);
  }

  get programs() {
    return [this.#update.program];
  }

  async run(settings: Float32Array): Promise<Updated> {
    const { engine, loaded } = this.#parts;
    writeFloats(engine, this.#update.settings, settings);
    await loaded.run(this.#update.program);
    return { gradientNorm: await numberOf(engine, this.#update.clip), waited: 0 };
  }

  stored() {
    return this.moments.map((moment) => stored(this.#parts.engine, moment));
  }
}

/** This rank updates its part of each bucket; the others do the rest. */
class PartOptimizer implements Optimizer {
  readonly #parts: OptimizerParts & { readonly exchange: Exchange };
  readonly #moments: ReadonlyMap<Bucket, PartMoments>;
  readonly #update: PartUpdateStep;

  constructor(
    parts: OptimizerParts & { readonly exchange: Exchange },
    decay: (spec: ParameterSpec) => number,
  ) {
    const { buckets, group, trained } = parts;
    this.#parts = parts;
    this.#moments = new Map(buckets.map((bucket, index) => [bucket, partMoments(bucket, index)]));
    const isTrained = (spec: ParameterSpec) => trained.has(spec);
    this.#update = recordPartUpdate(buckets, group.rank, this.#moments, isTrained, decay);
  }

  get programs() {
    return [this.#update.squares.program, this.#update.program];
  }

  get moments() {
    return [...this.#moments.values()].flatMap(({ m, v }) => [m, v]);
  }

  async run(settings: Float32Array): Promise<Updated> {
    const { engine, group, loaded, buckets, exchange } = this.#parts;
    const { squares, allSquares, program, clip } = this.#update;
    await loaded.run(squares.program);
    const own = await numberOf(engine, squares.sum);
    const began = performance.now();
    const sums = new Float32Array(group.size);
    sums[group.rank] = own;
    await group.gatherParts(sums);
    const gathered = performance.now();
    writeFloats(engine, allSquares, Float32Array.of(sums.reduce((sum, square) => sum + square, 0)));
    writeFloats(engine, this.#update.settings, settings);
    await loaded.run(program);
    const gradientNorm = await numberOf(engine, clip);
    const updated = performance.now();
    await exchange.spread(buckets);
    return { gradientNorm, waited: (gathered - began + performance.now() - updated) / 1000 };
  }

  stored() {
    const { group, buckets, engine } = this.#parts;
    return partedMoments(group, buckets, engine, this.#moments);
  }
}
