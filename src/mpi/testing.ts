/**
 * Programs that tests run on several ranks. They are skipped where there is no mpirun, unless
 * PLUSMINUS_REQUIRE_MPI=1, as in CI, turns that into a failure. So does PLUSMINUS_REQUIRE_HOSTS=1 for tests over two
 * hosts, which are network namespaces (scripts/twoHosts.sh): they need Open MPI, root and iproute2.
 */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
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

/** Runs a command that starts with mpirun over two hosts. */
export const twoHosts = join(import.meta.dirname, '../../scripts/twoHosts.sh');

/** `describe` for tests that need two hosts. */
export const describeWithTwoHosts = describe.skipIf(
  process.env.PLUSMINUS_REQUIRE_HOSTS !== '1' &&
    (!isOpenMpi || spawnSync(twoHosts, ['--rate', '1gbit', 'mpirun', '-n', '2', 'true']).status !== 0),
);

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

/** Runs a command to its end, and calls `act` once `word` is on stdout. */
export async function runUntil(
  [file, ...args]: readonly string[],
  word: string,
  act: () => unknown,
): Promise<Ended> {
  const child = spawn(file!, args);
  let [stdout, stderr, acted] = ['', '', false];
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  child.stdout.on('data', async (data) => {
    stdout += data;
    if (acted || !stdout.includes(word)) return;
    acted = true;
    await act();
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}

/** Kills one of the ranks that run with this word on their command lines. */
export async function killRank(rank: number, word: string): Promise<void> {
  for (const { pid, environment } of await processesWith(word)) {
    if (new RegExp(`\\0(OMPI_COMM_WORLD_RANK|PMI_RANK)=${rank}\\0`).test(environment))
      process.kill(pid, 'SIGKILL');
  }
}

/** Node processes with this word on their command line. */
export async function processesWith(word: string) {
  const found: { readonly pid: number; readonly environment: string }[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
    const command = (await read('cmdline')).split('\0');
    if (command[0] !== process.execPath || !command.includes(word)) continue;
    found.push({ pid: Number(pid), environment: `\0${await read('environ')}` });
  }
  return found;
}
