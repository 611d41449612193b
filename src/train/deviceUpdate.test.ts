/**
 * The step of ranks whose engines exchange variables by themselves, without a GPU: two ranks in this process, whose
 * engines compute with plain formulas, and stand still at each mark until the exchanges queued there are done, as the
 * queue of a card does.
 */
import { duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { everyCard } from '../../test/cudaCompiler.ts';
import type { Collectives, Peers } from '../engine/collectives.ts';
import { fuse } from '../engine/cuda/fused/fuse.ts';
import { planSteps } from '../engine/cuda/steps.ts';
import { bytesOf, type Executable, readFloats } from '../engine/engine.ts';
import { ReferenceEngine } from '../engine/reference/referenceEngine.ts';
import { isProduct } from '../kernels/cuda/launch.ts';
import { namedConfig } from '../model/config.ts';
import { alone, type Group } from '../mpi/group.ts';
import { Program } from '../program/record.ts';
import type { Tensor } from '../program/tensor.ts';
import { Hub } from '../ranks/hub.ts';
import { PipeGroup } from '../ranks/pipeGroup.ts';
import { initialise } from '../run/initialise.ts';
import { rowOf, smallSettings } from './testing.ts';
import { Trainer } from './trainer.ts';

/** Exchanges through the host, each after the one before it. */
class HostCollectives implements Collectives {
  readonly description = 'through the host';
  /** What was called, for tests of the order. */
  readonly called: string[] = [];
  turn: Promise<void> = Promise.resolve();
  readonly #engine: ReferenceEngine;
  readonly #group: Group;
  error: Error | undefined;

  constructor(engine: ReferenceEngine, group: Group) {
    this.#engine = engine;
    this.#group = group;
  }

  sumParts(tensor: Tensor): void {
    this.#queue(`sumParts ${tensor.name}`, tensor, (numbers) => this.#group.reduceParts(numbers));
  }

  gatherParts(tensors: readonly Tensor[]): void {
    for (const tensor of tensors)
      this.#queue(`gatherParts ${tensor.name}`, tensor, (numbers) => this.#group.gatherParts(numbers));
  }

  sum(tensor: Tensor): void {
    this.#queue(`sum ${tensor.name}`, tensor, (numbers) => this.#group.reduce(numbers, 'sum'));
  }

  join(): void {
    this.called.push('join');
  }

  failure(): Error | undefined {
    return this.error;
  }

  abort(): void {
    this.called.push('abort');
  }

  #queue(name: string, tensor: Tensor, change: (numbers: Float32Array) => Promise<void>): void {
    this.called.push(name);
    this.turn = this.turn.then(async () => {
      const numbers = await readFloats(this.#engine, tensor);
      await change(numbers);
      this.#engine.write(tensor, bytesOf(numbers));
    });
  }
}

class ConnectedEngine extends ReferenceEngine {
  readonly collectives: HostCollectives;

  constructor(group: Group) {
    super();
    this.collectives = new HostCollectives(this, group);
  }

  async connect(_: Peers): Promise<Collectives> {
    return this.collectives;
  }

  override load(program: Program): Executable {
    const ends = [...program.marks, program.calls.length];
    const pieces = ends.map((end, index) => {
      const piece = new Program(program.name);
      piece.calls.push(...program.calls.slice(ends[index - 1] ?? 0, end));
      for (const [value, target] of program.assignments) piece.assignments.set(value, target);
      for (const tensor of program.outputs) piece.outputs.add(tensor);
      return super.load(piece);
    });
    const whole = super.load(program);
    return {
      ...{ program, plan: whole.plan, profile: () => whole.profile() },
      run: async (reads = [], reached) => {
        for (const [mark, piece] of pieces.entries()) {
          await piece.run();
          if (mark < pieces.length - 1) reached?.(mark);
          await this.collectives.turn;
        }
        for (const { tensor, target } of reads) await this.read(tensor, target);
      },
    };
  }
}

/** Groups of ranks in this process. */
function groupsOf(size: number): Group[] {
  if (size === 1) return [alone];
  const pairs = Array.from({ length: size }, () => duplexPair());
  new Hub(pairs.map(([ofHub]) => ofHub));
  return pairs.map(([, ofRank], rank) => new PipeGroup(ofRank, rank, size));
}

const vocabulary = 40;
const sizes = { vocabSize: vocabulary, hiddenSize: 16, intermediateSize: 24, layers: 2 };
const config = namedConfig('tiny', sizes);
const settings = smallSettings({ accumulation: 4, batch: 1, maxNorm: 0.5, validation: 0 });
/** Buckets of a few parameters each, and one that a parameter fills. */
const bucketSize = 500;
const batches = [3, 16, 7, 11].map((labelled) => rowOf(labelled, vocabulary));

interface Rank {
  readonly trainer: Trainer;
  readonly engine: ReferenceEngine;
}

async function ranksOf(size: number, connected = true): Promise<Rank[]> {
  return Promise.all(
    groupsOf(size).map(async (group) => {
      const engine = connected ? new ConnectedEngine(group) : new ReferenceEngine();
      const machine = { engine, limitBytes: 2 ** 32, group, bucketSize, shardOptimizer: connected };
      const trainer = new Trainer(machine, config, settings);
      initialise(engine, trainer.specs, trainer.weights, 3);
      return { trainer, engine };
    }),
  );
}

/** Steps of all ranks: the mean loss and the norm of each. */
async function train(ranks: readonly Rank[], from: number, to: number): Promise<number[][]> {
  const facts: number[][] = [];
  for (let step = from; step < to; step++) {
    const results = await Promise.all(
      ranks.map(({ trainer }) => trainer.step(batches.slice(...trainer.passes), step, 0.01)),
    );
    const norms = new Set(results.map(({ gradientNorm }) => gradientNorm));
    expect(norms.size, 'every rank has the norm of all').toBe(1);
    const sum = (of: 'lossSum' | 'labels') => results.reduce((total, result) => total + result[of], 0);
    facts.push([sum('lossSum') / sum('labels'), [...norms][0]!]);
  }
  return facts;
}

const begin = (ranks: readonly Rank[]) => Promise.all(ranks.map(({ trainer }) => trainer.update.begin()));

/** What a checkpoint holds besides the weights, and the weights of each rank. */
async function stateOf(ranks: readonly Rank[]) {
  const saved = await Promise.all(
    ranks.map(async ({ trainer }) => {
      const found = new Map<string, Float32Array>();
      for (const { name, read } of trainer.update.saved())
        found.set(name, new Float32Array((await read()).slice().buffer));
      return found;
    }),
  );
  const weights = await Promise.all(
    ranks.map(async ({ trainer, engine }) =>
      Promise.all(trainer.weights.all().map((tensor) => readFloats(engine, tensor))),
    ),
  );
  return { moments: saved[0]!, weights };
}

function expectNear(found: readonly number[][], expected: readonly number[][]): void {
  found.flat().forEach((value, index) => expect(value).toBeCloseTo(expected.flat()[index]!, 5));
}

describe('ranks whose engines exchange variables', () => {
  it.each([1, 2, 3])('have the losses, norms, weights and moments of one alone: %i ranks', async (size) => {
    const [one, several] = [await ranksOf(1, false), await ranksOf(size)];
    await Promise.all([begin(one), begin(several)]);
    expectNear(await train(several, 0, 3), await train(one, 0, 3));
    const [expected, found] = [await stateOf(one), await stateOf(several)];
    for (const [name, values] of expected.moments) {
      const own = found.moments.get(name)!;
      values.forEach((value, i) => expect(own[i], `${name} at ${i}`).toBeCloseTo(value, 5));
    }
    for (const weights of found.weights)
      weights.forEach((tensor, n) =>
        tensor.forEach((value, i) => expect(value).toBeCloseTo(expected.weights[0]![n]![i]!, 4)),
      );
    for (const weights of found.weights) expect(weights).toEqual(found.weights[0]);
  });

  it.each([1, 3])('continue from the checkpoint of two as %i', async (size) => {
    const two = await ranksOf(2);
    await begin(two);
    await train(two, 0, 2);
    const { moments, weights } = await stateOf(two);
    const others = await ranksOf(size);
    for (const { trainer, engine } of others) {
      for (const { name, write } of trainer.update.restored(1)) write(bytesOf(moments.get(name)!));
      trainer.weights.all().forEach((tensor, n) => engine.write(tensor, bytesOf(weights[0]![n]!)));
    }
    await begin(others);
    expectNear(await train(others, 2, 4), await train(two, 2, 4));
  });

  it('sum each bucket when it is complete, then the norm, and give one another the weights last', async () => {
    const ranks = await ranksOf(2);
    await begin(ranks);
    await train(ranks, 0, 1);
    const { called } = (ranks[0]!.engine as ConnectedEngine).collectives;
    const buckets = called.filter((call) => call.startsWith('sumParts')).length;
    expect(buckets).toBeGreaterThan(3);
    const numbers = Array.from({ length: buckets }, (_, index) => index);
    expect(new Set(called.slice(0, buckets))).toEqual(new Set(numbers.map((n) => `sumParts gradients.${n}`)));
    expect(called.slice(buckets)).toEqual([
      ...['join', 'sum squares', 'join'],
      ...numbers.map((n) => `gatherParts weights.${n}`),
      'join',
    ]);
  });

  it('end a step that can never end because another rank is gone', async () => {
    const [rank] = await ranksOf(2);
    const { engine, trainer } = rank as { engine: ConnectedEngine; trainer: Trainer };
    await engine.connect({ rank: 0, size: 2, broadcast: async () => {} });
    const { collectives } = engine;
    collectives.turn = new Promise(() => {}); // as a card waits for one that does not answer
    trainer.update.countLabels = async (own) => own;
    trainer.group.barrier = async () => {};
    await trainer.update.begin();
    const step = trainer.step(batches.slice(0, 2), 0, 0.01);
    collectives.error = new Error('rank 1 has ended');
    await expect(step).rejects.toThrow('rank 1 has ended');
    expect(collectives.called.at(-1)).toBe('abort');
  });

  it('are lowered for a card with the same marks, the norm before the updates', async () => {
    const [rank] = await ranksOf(2);
    const [program] = rank!.trainer.update.programs;
    for (const features of everyCard) {
      const { marks, steps, plan } = planSteps(fuse(program!, features), features);
      expect(marks).toHaveLength(program!.marks.length);
      for (const gradients of program!.transient) expect(plan.offsets.has(gradients)).toBe(true);
      const names = steps.map((step) => (isProduct(step) ? step.product : step.kernel));
      const stretches = marks.map((end, mark) => names.slice(marks[mark - 1] ?? 0, end));
      const first = stretches.findIndex((kernels) => kernels.includes('clipCoefficient'));
      expect(stretches[first - 1]!.every((name) => name.startsWith('sumOfSquares'))).toBe(true);
      const updates = stretches.slice(first);
      expect(updates.length).toBeGreaterThan(1);
      for (const kernels of updates) expect(kernels.some((name) => name.startsWith('adamw'))).toBe(true);
      expect(marks.at(-1)).toBe(steps.length);
    }
  });
});
