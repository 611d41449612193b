import { execFile } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alone, shareOf, splitOfSum, sumTree } from './group.ts';
import { findLaunch } from './launcher.ts';
import { describeWithMpi, launch, launchers, mpirun } from './testing.ts';

const script = join(import.meta.dirname, 'collectives.ranks.ts');

describeWithMpi('collectives', { timeout: 300_000 }, () => {
  it.each([2, 3, 4])('do what they say on %i ranks', async (ranks) => {
    const { code, stdout, stderr } = await mpirun(ranks, script);
    expect(stderr).not.toMatch(/Error/);
    expect(stdout).toMatch(new RegExp(`^42 cases held on ${ranks} ranks of (Open MPI|MPICH).*, hosts: 1`));
    expect(code).toBe(0);
  });

  it.each(launchers.map((launcher) => [launcher[0]!, launcher] as const))(
    'of every MPI that is installed: %s',
    async (_, launcher) => {
      const { stdout, stderr } = await launch([...launcher, '-n', '2'], script, []);
      expect(stdout, stderr).toMatch(/^42 cases held on 2 ranks/);
    },
  );
});

describe('a launch', () => {
  it.each([
    [{}, undefined],
    [{ OMPI_COMM_WORLD_SIZE: '1', OMPI_COMM_WORLD_RANK: '0' }, undefined],
    [
      { OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_RANK: '3' },
      { size: 4, rank: 3, kind: 'Open MPI' },
    ],
    [
      { PMI_SIZE: '2', PMI_RANK: '0' },
      { size: 2, rank: 0, kind: 'MPICH' },
    ],
    [
      { SLURM_STEP_NUM_TASKS: '8', SLURM_PROCID: '7' },
      { size: 8, rank: 7, kind: 'unknown' },
    ],
    [{ SLURM_NTASKS: '8', SLURM_PROCID: '0' }, undefined], // an sbatch script, not a task of srun
  ])('is read from the environment: %j', (env, expected) => expect(findLaunch(env)).toEqual(expected));

  it('without an MPI library says what to install', async () => {
    const { code, stderr } = await join2Ranks({ PLUSMINUS_MPI: '/nowhere/libmpi.so' });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /2 processes were started together, but no MPI library was found \(tried \/nowhere\/libmpi\.so\): install one, e\.g\. "apt-get install openmpi-bin/,
    );
  });
});

describe('a share', () => {
  it('takes every item once, in order, and no rank more than one more than another', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 1, max: 64 }), (count, size) => {
        const shares = Array.from({ length: size }, (_, rank) => shareOf(count, { rank, size }));
        let next = 0;
        for (const [first, end] of shares) {
          expect(first).toBe(next);
          next = end;
          expect(Math.abs(end - first - count / size)).toBeLessThan(1);
        }
        expect(next).toBe(count);
      }),
    );
  });

  it('that is a power of two is a whole branch of the sum', () => {
    const shape = (first: number, end: number): unknown =>
      sumTree<unknown>(
        Array.from({ length: end - first }, (_, k) => first + k),
        (a, b) => [a, b],
      );
    for (const share of [1, 2, 4, 8]) {
      for (let ranks = 1; ranks <= 9; ranks++) {
        const branches = Array.from({ length: ranks }, (_, rank) => shape(rank * share, (rank + 1) * share));
        expect(sumTree(branches, (a, b) => [a, b])).toEqual(shape(0, ranks * share));
      }
    }
    expect([2, 3, 4, 5, 8, 9].map(splitOfSum)).toEqual([1, 2, 2, 4, 4, 8]);
  });

  it('of a process alone is everything', async () => {
    expect(shareOf(7, alone)).toEqual([0, 7]);
    expect(await alone.gather('x')).toEqual(['x']);
  });
});

/** A process that believes that it is one of two ranks. */
function join2Ranks(env: NodeJS.ProcessEnv): Promise<{ code: number; stderr: string }> {
  const place = { OMPI_COMM_WORLD_SIZE: '2', OMPI_COMM_WORLD_RANK: '0' };
  return new Promise((resolve) => {
    execFile(process.execPath, [script], { env: { ...process.env, ...place, ...env } }, (error, _, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stderr }),
    );
  });
}
