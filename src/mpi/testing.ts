/**
 * Programs that tests run on several ranks. They are skipped where there is no mpirun, unless
 * PLUSMINUS_REQUIRE_MPI=1, as in CI, turns that into a failure.
 */
import { execFile, spawnSync } from 'node:child_process';
import { describe } from 'vitest';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const found = spawnSync('mpirun', ['--version'], { encoding: 'utf8' }).stdout ?? '';
const isOpenMpi = found.includes('Open MPI');

/** `describe` for tests that need an MPI. */
export const describeWithMpi = describe.skipIf(found === '' && process.env.PLUSMINUS_REQUIRE_MPI !== '1');

/** More ranks than cores, started by root, as in a container: Open MPI wants both said. */
const openMpiFlags = ['--allow-run-as-root', '--oversubscribe', '--bind-to', 'none'];

export function mpirunCommand(ranks: number): string[] {
  return ['mpirun', ...(isOpenMpi ? openMpiFlags : []), '-n', String(ranks)];
}

/** Runs a script of the project under `mpirun -n ranks`. */
export function mpirun(ranks: number, script: string, args: readonly string[] = []): Promise<Ended> {
  return launch(mpirunCommand(ranks), script, args);
}

/** Launchers of all the MPIs that are installed here, each of which must do. */
export const launchers: readonly (readonly string[])[] = [
  ['mpirun.openmpi', ...openMpiFlags],
  ['mpirun.mpich'],
  ...(found === '' || isOpenMpi ? [] : [['mpirun']]),
].filter(([name]) => spawnSync(name!, ['--version']).status === 0);

export function launch(
  [launcher, ...flags]: readonly string[],
  script: string,
  args: readonly string[],
): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(launcher!, [...flags, process.execPath, script, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
  });
}
