/** What a process can tell about its launcher before any MPI library is loaded: from its environment alone. */

export interface Launch {
  /** Processes that the launcher started together. */
  readonly size: number;
  readonly rank: number;
  /** Whose launcher it is, as far as the environment tells: it decides which library to try first. */
  readonly kind: 'Open MPI' | 'MPICH' | 'unknown';
}

/** How launchers tell a process its place, the most telling ones first. */
const places = [
  { kind: 'Open MPI', size: 'OMPI_COMM_WORLD_SIZE', rank: 'OMPI_COMM_WORLD_RANK' },
  { kind: 'MPICH', size: 'PMI_SIZE', rank: 'PMI_RANK' },
  // srun: an sbatch script itself has no step, so a command that is not started by srun stays alone.
  { kind: 'unknown', size: 'SLURM_STEP_NUM_TASKS', rank: 'SLURM_PROCID' },
] as const;

/** The launch that this process belongs to; `undefined` if it was started alone. */
export function findLaunch(env: NodeJS.ProcessEnv = process.env): Launch | undefined {
  for (const { kind, size, rank } of places) {
    const [ranks, own] = [Number(env[size]), Number(env[rank])];
    if (Number.isInteger(ranks) && ranks > 1 && Number.isInteger(own))
      return { size: ranks, rank: own, kind };
  }
  return undefined;
}
