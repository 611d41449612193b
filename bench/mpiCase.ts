/** One rank of bench/mpi.ts: `npx node bench/mpiCase.ts JSON` under a launcher, or alone. Rank 0 prints JSON. */
import './begin.ts';
import { spawnSync } from 'node:child_process';
import { bytesOf, type Engine, readFloats } from '../src/engine/engine.ts';
import { type ConfigName, namedConfig } from '../src/model/config.ts';
import { alone, type Group } from '../src/mpi/group.ts';
import { variable } from '../src/program/tensor.ts';
import { joinRanks } from '../src/ranks/join.ts';
import { RandomWeights } from '../src/run/randomWeights.ts';
import type { Batch } from '../src/text/batches.ts';
import { type OwnMachine, withMachine } from '../src/train/machine.ts';
import { shareFacts } from '../src/train/pace.ts';
import { parseSettings } from '../src/train/settings.ts';
import { Trainer } from '../src/train/trainer.ts';
import { median } from './statistics.ts';

export interface Case {
  /** Passes of each rank in an update. */
  readonly passes: number;
  readonly shardOptimizer: boolean;
  /** 0: ranks update together. */
  readonly localSteps: number;
  /** Number of timed steps; as many losses are returned, or more. */
  readonly steps: number;
}

export interface Work {
  readonly size: ConfigName;
  readonly vocabulary: number;
  readonly engine: 'cpu' | 'webgpu' | 'cuda';
  /** Threads of each rank, on the CPU. */
  readonly threads: number;
  readonly batch: number;
  readonly length: number;
  readonly recompute: boolean;
  readonly cases: readonly Case[];
}

export interface Measured extends Case {
  readonly parameters: number;
  /** Over all ranks, waiting included. */
  readonly tokensPerSecond: number;
  /** Of the slowest rank, without waiting for others. */
  readonly slowestRank: number;
  readonly secondsPerStep: number;
  /** Seconds a step that the rank with the longest wait waited for the exchange. */
  readonly waited: number;
  readonly losses: readonly number[];
  /** Bytes of the engine's memory in use: weights, moments, gradients and temporaries. */
  readonly usedBytes: number;
}

/** Bytes a second. */
export interface Speeds {
  readonly sum: number;
  /** Between the engines themselves: every rank's part summed, and all parts gathered. */
  readonly sumParts?: number;
  readonly gatherParts?: number;
  /** To and from the engine; absent if the host shares its memory. */
  readonly read?: number;
  readonly write?: number;
}

export interface Found {
  readonly ranks: number;
  readonly description: string;
  readonly engine: string;
  readonly gpus: readonly string[];
  /** GPU figures during training, if nvidia-smi is installed. */
  readonly driver: readonly string[];
  readonly speeds: Speeds;
  readonly measured: readonly Measured[];
}

/** Steps before timing; with local steps, a whole round. */
const warmUpOf = ({ localSteps }: Case) => Math.max(2, localSteps);
/** For one bucket as training exchanges it. */
const probeElements = 2 ** 22;

const work: Work = JSON.parse(process.argv[2]!);
const group = await joinRanks();
const found = await run(group ?? alone);
if (found.ranks === 1 || group!.rank === 0) console.log(JSON.stringify(found));
await group?.leave();

async function run(group: Group): Promise<Found> {
  const { engine, threads } = work;
  const measured: Measured[] = [];
  let about: Pick<Found, 'engine' | 'gpus' | 'speeds' | 'driver'> | undefined;
  // Not timed: the first steps of a process compile kernels and touch memory for the first time.
  const flags = { engine, threads, group };
  await withMachine(flags, (machine) => measure(machine, group, { ...work.cases[0]!, steps: 3 }));
  for (const one of work.cases) {
    if (group.rank === 0) console.error(`${group.size} ranks: ${JSON.stringify(one)}`);
    const shardOptimizer = one.shardOptimizer && group.size > 1;
    await withMachine({ ...flags, shardOptimizer }, async (machine) => {
      measured.push(await measure(machine, group, one));
      about ??= {
        engine: `${machine.engine.name}: ${machine.engine.description}`,
        ...{ gpus: machine.gpus ?? [], speeds: await probe(machine, group), driver: askDriver() },
      };
    });
  }
  return { ranks: group.size, description: group.description, ...about!, measured };
}

async function measure(machine: OwnMachine, group: Group, one: Case): Promise<Measured> {
  const { batch, length, recompute } = work;
  const config = namedConfig(work.size, { vocabSize: work.vocabulary });
  const warmUp = warmUpOf(one);
  const steps = warmUp + one.steps;
  const settings = parseSettings({
    ...{ batch, length, recompute, steps, accumulation: one.passes * group.size, schedule: 'constant' },
    ...{ learningRate: 1e-3, warmup: 0, localSteps: group.size > 1 ? one.localSteps : 0 },
  });
  const trainer = new Trainer({ ...machine, limitBytes: Number.POSITIVE_INFINITY }, config, settings);
  new RandomWeights().fill(machine.engine, trainer.weights);
  await trainer.update.begin();
  const [first, end] = trainer.passes;
  const batches = Array.from({ length: end - first }, (_, pass) => batchOf(first + pass, config.vocabSize));
  const losses: number[] = [];
  const times: number[] = [];
  const paces: number[] = [];
  const waits: number[] = [];
  for (let step = 0; step < steps; step++) {
    const start = performance.now();
    const result = await trainer.step(batches, step, settings.learningRate);
    const own = (performance.now() - start) / 1000;
    const pace = ((end - first) * batch * length) / (own - result.waited);
    const all = await shareFacts(group, { ...result, pace, stop: false });
    losses.push(all.lossSum / all.labels);
    if (step < warmUp) continue;
    times.push((performance.now() - start) / 1000);
    paces.push(all.pace);
    waits.push(all.waited);
  }
  // Steps with and without synchronisation differ, so the mean counts.
  const middle = one.localSteps > 0 ? mean : median;
  const secondsPerStep = middle(times);
  return {
    ...one,
    parameters: trainer.needs.parameters,
    tokensPerSecond: (settings.accumulation * batch * length) / secondsPerStep,
    ...{ slowestRank: middle(paces), secondsPerStep, waited: middle(waits), losses },
    usedBytes: machine.engine.usedBytes,
  };
}

/** Each pass has its own text, the same at every step, so that the loss must fall. */
function batchOf(pass: number, vocabulary: number): Batch {
  const inputs = Int32Array.from(
    { length: work.batch * work.length },
    (_, i) => (i * 7919 + 13 + 104_729 * pass) % vocabulary,
  );
  return { inputs, labels: inputs.map((id) => (id + 7919) % vocabulary) };
}

/** Speed of summing a bucket over the ranks, and of copying it from the engine and back. */
async function probe({ engine }: OwnMachine, group: Group): Promise<Speeds> {
  const numbers = new Float32Array(probeElements);
  const tensor = variable('probe', [probeElements]);
  engine.allocate(tensor);
  const speed = async (use: () => Promise<unknown>) => {
    const times: number[] = [];
    for (let round = 0; round < 6; round++) {
      await group.barrier();
      const start = performance.now();
      await use();
      if (round > 0) times.push((performance.now() - start) / 1000);
    }
    return numbers.byteLength / median(times);
  };
  const sum = await speed(() => group.reduce(numbers, 'sum'));
  if ('view' in engine) return { sum };
  const connected = group.size > 1 ? await probeConnection(engine, group) : {};
  const read = await speed(() => readFloats(engine, tensor, numbers));
  const write = await speed(async () => {
    engine.write(tensor, bytesOf(numbers));
    await engine.read(tensor, new Uint8Array(4)); // ordered after the writes
  });
  return { sum, ...connected, read, write };
}

/** Speed of exchanges between the engines, of as much as a large bucket. */
async function probeConnection(engine: Engine, group: Group): Promise<Partial<Speeds>> {
  const collectives = await engine.connect?.({
    ...{ rank: group.rank, size: group.size },
    broadcast: (bytes) => group.broadcast(bytes),
  });
  if (!collectives) return {};
  const tensor = variable('connection', [8 * probeElements]);
  engine.allocate(tensor);
  const speed = async (exchange: () => void) => {
    const rounds = 20;
    const time = async () => {
      await group.barrier();
      const start = performance.now();
      for (let round = 0; round < rounds; round++) exchange();
      collectives.join();
      await engine.read(tensor, new Uint8Array(4)); // ordered after the exchanges
      return (performance.now() - start) / 1000;
    };
    await time();
    return (rounds * tensor.bytes) / (await time());
  };
  const sumParts = await speed(() => collectives.sumParts(tensor));
  const gatherParts = await speed(() => collectives.gatherParts([tensor]));
  engine.free(tensor);
  return { sumParts, gatherParts };
}

function askDriver(): readonly string[] {
  const query = '--query-gpu=index,pci.bus_id,name,memory.used,driver_version';
  const { stdout } = spawnSync('nvidia-smi', [query, '--format=csv,noheader'], { encoding: 'utf8' });
  return stdout ? stdout.trim().split('\n') : [];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
