/** Commands that several processes run together: rank 0 speaks for all, and a rank that fails ends all. */
import { setTimeout as sleep } from 'node:timers/promises';
import { alone, type Group } from '../mpi/group.ts';
import { joinGroup, type MpiGroup } from '../mpi/mpiGroup.ts';
import { reportFailure } from './failure.ts';

/** What all ranks have found wrong, such as a bad option, rank 0 tells in this time. */
const patience = 1000;

/** Calls `use` with the ranks that a launcher started together with this process, or with this one alone. */
export async function withGroup(use: (group: Group) => Promise<void>): Promise<void> {
  const group = await joinGroup();
  if (!group) return use(alone);
  try {
    await use(group);
  } catch (error) {
    await endAll(group, error);
  }
  await group.leave();
}

/** Says what went wrong here, and ends the other ranks, which may be waiting for this one. */
async function endAll(group: MpiGroup, error: unknown): Promise<never> {
  const { rank, size, hosts } = group;
  if (rank > 0) await sleep(patience);
  reportFailure(error, rank > 0 ? `rank ${rank} of ${size} on ${hosts[rank]}` : undefined);
  group.abort(Number(process.exitCode ?? 1));
  process.exit();
}
