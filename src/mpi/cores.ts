/** Number of threads of a rank: its share of the cores that the launcher allows the ranks of its host to use. */
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import type { Group } from './group.ts';

export interface Cores {
  /** Threads for this rank: at least 1, at most 16. */
  readonly threads: number;
  /** A warning for the user about the cores. */
  readonly warning?: string | undefined;
}

/** Placement of a rank. */
interface Place {
  readonly host: string;
  /** Cores that it may run on, as Linux writes the list; empty where that is not known. */
  readonly allowed: string;
  readonly count: number;
  readonly total: number;
}

/** Asks all ranks; each gets the share that is its own. */
export async function shareOfCores(group: Group): Promise<Cores> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const allowed = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '';
  const own = {
    host: group.hosts[group.rank]!,
    allowed,
    count: availableParallelism(),
    total: cpus().length,
  };
  return coresOf(await group.gather<Place>(own), group.rank);
}

/** Ranks that may run on the same cores share them; one core of four or more is left to the exchange. */
function coresOf(places: readonly Place[], rank: number): Cores {
  const own = places[rank]!;
  const onHost = places.filter(({ host }) => host === own.host);
  const sharing = onHost.filter(({ allowed }) => allowed === own.allowed);
  const share = Math.max(1, Math.floor(own.count / sharing.length));
  const threads = Math.min(16, share >= 4 ? share - 1 : share);
  const idle = own.total - onHost.length * share;
  const isBound = own.count < own.total && idle >= onHost.length;
  const warning = isBound
    ? `the launcher binds a rank to ${own.count} of ${own.total} cores; "mpirun --bind-to none" lets ranks share all`
    : undefined;
  return { threads, warning };
}
