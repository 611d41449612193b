/** Commands that several processes run together: rank 0 reports for all, and a failing rank ends all. */
import { setTimeout as sleep } from 'node:timers/promises';
import { engineKind } from '../engine/engines.ts';
import { InputError } from '../errors.ts';
import { alone, type Group } from '../mpi/group.ts';
import { findLaunch } from '../mpi/launcher.ts';
import { type JoinedGroup, joinRanks, placeVariable } from '../ranks/join.ts';
import { launchRanks } from '../ranks/launch.ts';
import { ownCores, ownGpu } from '../train/machine.ts';
import { reportFailure } from './failure.ts';

/** Milliseconds for rank 0 to report an error that all ranks found, such as a bad option. */
const patience = 1000;

export interface GroupOptions {
  /** A command that stops at once when interrupted, and so cannot wait for the other ranks. */
  readonly interruptedEndsAll?: boolean;
}

/**
 * Starts this command again as so many ranks and waits for them, if a user asks for several. Returns false in a rank,
 * and if the command is to run alone.
 */
export async function launches(ranks: number | undefined): Promise<boolean> {
  if (ranks === undefined || process.env[placeVariable] !== undefined) return false;
  if (findLaunch()) {
    throw new InputError(
      '--ranks: found it under an MPI launcher, which has started the ranks already; expected one of them',
    );
  }
  if (ranks === 1) return false;
  process.exitCode = await launchRanks(ranks, [
    process.execPath,
    ...process.execArgv,
    ...process.argv.slice(1),
  ]);
  return true;
}

/** Calls `use` with the ranks that a launcher started together with this process, or with this one alone. */
export async function withGroup(
  use: (group: Group) => Promise<void>,
  { interruptedEndsAll = false }: GroupOptions = {},
): Promise<void> {
  const group = await joinRanks();
  if (!group) return use(alone);
  try {
    await use(group);
  } catch (error) {
    await endAll(group, error);
  }
  if (interruptedEndsAll && process.exitCode) group.abort(Number(process.exitCode));
  await group.rest(); // other ranks may have much left to do
  await group.leave();
}

/** Runs something on rank 0 first, such as a download, then on the other ranks in parallel: all must call both. */
export async function inTurn(group: Group): Promise<{ done(): Promise<void> }> {
  if (group.rank > 0) await group.rest();
  return {
    async done() {
      if (group.rank === 0) await group.rest();
    },
  };
}

/** A rank's share of the machine's cores, or its own GPU, unless the user has chosen. All must call it. */
export async function placeOf(
  group: Group,
  { engine, threads }: { readonly engine?: string | undefined; readonly threads?: number | undefined },
): Promise<{ threads?: number }> {
  if (group.size === 1) return {};
  const { runsOn, choosesGpu } = engineKind(engine === undefined || engine === 'auto' ? 'cpu' : engine);
  if (runsOn === 'gpu' && !choosesGpu) await ownGpu(group);
  const own = threads ?? (await ownCores(group));
  return own === undefined ? {} : { threads: own };
}

/** Reports an error of this rank, and ends the other ranks, which may be waiting for this one. */
async function endAll(group: JoinedGroup, error: unknown): Promise<never> {
  const { rank, size, hosts } = group;
  if (rank > 0) await sleep(patience);
  reportFailure(error, rank > 0 ? `rank ${rank} of ${size} on ${hosts[rank]}` : undefined);
  group.abort(Number(process.exitCode ?? 1));
  process.exit();
}
