/** Creates the engine for training, and determines how much memory it may use. */
import { totalmem } from 'node:os';
import {
  chooseEngine,
  createEngine,
  type EngineChoice,
  type EngineName,
  engineKind,
} from '../engine/engines.ts';
import { shareOfCores } from '../mpi/cores.ts';
import { alone, type Group } from '../mpi/group.ts';
import { takeOwnGpu } from '../mpi/ownGpu.ts';
import type { Machine } from './trainer.ts';

/** A machine that `withMachine` creates. */
export interface OwnMachine extends Machine {
  /** Of each of several ranks, for people. */
  readonly gpus?: readonly string[] | undefined;
}

export interface MachineFlags {
  /** `auto`, the default, takes the CPU. */
  readonly engine?: EngineChoice | undefined;
  /** Worker threads of the CPU. */
  readonly threads?: number | undefined;
  /** The ranks that train together; default: this one alone. */
  readonly group?: Group | undefined;
  /** Each rank keeps 1/N of AdamW's state. */
  readonly shardOptimizer?: boolean | undefined;
}

/** Calls `use` with an engine, and disposes of the engine afterwards. */
export async function withMachine<T>(
  flags: MachineFlags,
  use: (machine: OwnMachine) => Promise<T>,
): Promise<T> {
  const machine = await openMachine(flags);
  try {
    return await use(machine);
  } finally {
    await machine.engine.dispose();
  }
}

/** WebGPU does not report the size of GPU memory, so GPUs have no limit; allocations that do not fit fail. */
async function openMachine(flags: MachineFlags): Promise<OwnMachine> {
  const { group = alone, shardOptimizer } = flags;
  const ranks = { group, shardOptimizer };
  const engine = await engineOfRanks(flags);
  const { runsOn, maxBytes = Number.POSITIVE_INFINITY, choosesGpu } = engineKind(engine);
  if (runsOn === 'gpu') {
    const listed = choosesGpu ? undefined : await ownGpu(group);
    const own = await createEngine(engine, { process: group.local.rank });
    const gpus = group.size > 1 ? (listed ?? (await group.gather(own.description))) : undefined;
    return { engine: own, limitBytes: maxBytes, gpus, ...ranks };
  }
  const threads = flags.threads ?? (await ownCores(group));
  const limitBytes = Math.min(maxBytes, totalmem() / group.local.size);
  return { engine: await createEngine(engine, { threads }), limitBytes, ...ranks };
}

/** Ranks must have one engine: where there are several, `auto` is what every machine has. */
async function engineOfRanks({
  engine = 'auto',
  threads,
  group = alone,
}: Pick<MachineFlags, 'engine' | 'threads' | 'group'>): Promise<EngineName> {
  return group.size > 1 && engine === 'auto' ? 'cpu' : chooseEngine(engine, { threads });
}

/** Threads of this rank; `undefined` for a single rank, which uses all cores. */
export async function ownCores(group: Group): Promise<number | undefined> {
  if (group.size === 1) return undefined;
  const { threads, warning } = await shareOfCores(group);
  if (warning && group.rank === 0) console.error(`Note: ${warning}.`);
  return threads;
}

/** The GPUs of all ranks; `undefined` for a single rank, which uses the system's choice. */
export async function ownGpu(group: Group): Promise<readonly string[] | undefined> {
  if (group.size === 1) return undefined;
  const { gpus, warning } = await takeOwnGpu(group);
  if (warning && group.rank === 0) console.error(`Note: ${warning}.`);
  return gpus;
}
