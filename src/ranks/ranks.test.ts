/** Ranks of our own launcher: processes of their own, which train on the CPU here. */
import { execFile, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/testing.ts';
import { type Ended, processesWith, runUntil } from '../mpi/testing.ts';
import { readLog } from '../train/log.ts';
import { rhyme, stateFiles } from '../train/testing.ts';
import { savedStep } from '../train/trainingState.ts';

const at = (path: string) => join(import.meta.dirname, path);
const plusminus = at('../../bin/plusminus.js');
const size = ['--layers', '2', '--hidden-size', '32', '--intermediate-size', '48', '--vocab', '280'];
const small = [...size, '--batch', '2', '--length', '16', '--warmup', '2', '--threads', '1'];

let folder: string;
let text: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  text = join(folder, 'text.txt');
  await writeFile(text, rhyme);
});
const run = (name: string) => join(folder, name);

function node(script: string, ...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
  });
}

async function train(ranks: number, name: string, ...flags: string[]): Promise<void> {
  const isNew = flags[0] !== '--resume';
  const args = [...(isNew ? ['--data', text, ...small] : ['--threads', '1']), ...flags];
  const ended = await node(plusminus, 'train', '--out', run(name), '--ranks', `${ranks}`, ...args);
  expect(ended.code, ended.stderr).toBe(0);
}

const endless = (name: string) => [
  ...[plusminus, 'train', '--data', text, '--out', run(name), ...small, '--ranks', '2', '--json'],
  ...['--ordered', '--accumulation', '2', '--steps', '100000', '--save-every', '5', '--schedule', 'constant'],
];

describe('ranks of our own launcher', { timeout: 300_000 }, () => {
  it.each([2, 3])('exchange what the collectives say: %i ranks', async (ranks) => {
    const collectives = at('../mpi/collectives.ranks.ts');
    const launcher = at('../../scripts/ranks.ts');
    const { stdout, stderr, code } = await node(launcher, '-n', `${ranks}`, process.execPath, collectives);
    expect(stdout, stderr).toMatch(
      new RegExp(`^42 cases held on ${ranks} ranks of processes of one launcher`),
    );
    expect(code).toBe(0);
  });

  it('come to the bits of one rank, and continue as one', async () => {
    const flags = ['--accumulation', '2', '--ordered', '--steps', '4', '--save-every', '2'];
    await train(1, 'one', ...flags);
    await train(2, 'two', ...flags);
    expect(await stateFiles(run('two'))).toEqual(await stateFiles(run('one')));
    await train(1, 'two', '--resume', '--steps', '6');
    await train(2, 'one', '--resume', '--steps', '6');
    expect(await stateFiles(run('two'))).toEqual(await stateFiles(run('one')));
  });

  it('end with one line when one of them is killed, and resume', async () => {
    const { code, stderr } = await runUntil([process.execPath, ...endless('run')], '"step":12,', async () => {
      for (const { pid, environment } of await processesWith(run('run')))
        if (environment.includes('\0PLUSMINUS_RANK=1/2\0')) process.kill(pid, 'SIGKILL');
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^plusminus: rank 1 of 2 was killed by SIGKILL.*continue with --resume\n$/m);
    expect(await processesWith(run('run'))).toEqual([]);
    const steps = String((await savedStep(run('run'))) + 2);
    await train(1, 'run', '--resume', '--steps', steps);
    expect((await readLog(join(run('run'), 'log.jsonl'))).at(-1)!.step).toBe(Number(steps));
  });

  it('end when their launcher is killed', async () => {
    const child = spawn(process.execPath, endless('run'));
    child.stdout.on('data', (data) => `${data}`.includes('"step":12,') && child.kill('SIGKILL'));
    const isEmpty = async () => child.signalCode !== null && (await processesWith(run('run'))).length === 0;
    await expect.poll(isEmpty, { timeout: 60_000, interval: 100 }).toBe(true);
  });

  it('save together when the launcher is interrupted', async () => {
    const child = spawn(process.execPath, endless('run'));
    let stderr = '';
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.stdout.on('data', (data) => `${data}`.includes('"step":12,') && child.kill('SIGINT'));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code, stderr).toBe(130);
    expect(stderr).toMatch(/^Saved after step \d+ of 100000/m);
    expect(await savedStep(run('run'))).toBeGreaterThanOrEqual(12);
  });

  it('report once what is wrong', async () => {
    const args = ['train', '--data', text, '--out', run('run'), ...small, '--accumulation', '1'];
    const { code, stderr } = await node(plusminus, ...args, '--ranks', '2');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^plusminus: accumulation: found 1 passes an update for 2 ranks.*\n$/);
  });
});
