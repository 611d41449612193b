/** Detects the launcher of this process from the environment, before an MPI library is loaded. */

export interface Launch {
  /** Processes that the launcher started together. */
  readonly size: number;
  readonly rank: number;
  /** Vendor of the launcher, if the environment shows it: decides which library to try first. */
  readonly kind: 'Open MPI' | 'MPICH' | 'unknown';
}

/** Environment variables that launchers set, most specific first. */
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
