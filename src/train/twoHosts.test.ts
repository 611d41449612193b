/** Training over two hosts that have addresses and names of their own, with a slow cable between them. */
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/testing.ts';
import {
  describeWithTwoHosts,
  type Ended,
  killRank,
  launch,
  mpirun,
  processesWith,
  runUntil,
  twoHosts,
} from '../mpi/testing.ts';
import { readLog, type StepLine } from './log.ts';
import { rhyme, stateFiles } from './testing.ts';
import { savedStep } from './trainingState.ts';

const program = join(import.meta.dirname, '../../bin/plusminus.js');
const size = ['--layers', '2', '--hidden-size', '128', '--intermediate-size', '256', '--vocab', '280'];
const small = [...size, '--batch', '1', '--length', '16', '--warmup', '2', '--threads', '1', '--ordered'];
const steps = 8;
const run = ['--accumulation', '2', '--steps', String(steps), '--validation', '0', '--save-every', '100'];
/** Slower than any cable in use, and far below what one machine has in memory. */
const slow = [twoHosts, '--rate', '200mbit', 'mpirun'];

let folder: string;
const at = (name: string) => join(folder, name);
beforeEach(async () => {
  folder = await temporaryFolder();
  await writeFile(at('text.txt'), rhyme);
});
/** Floats of a saved model; its header is a trifle. */
const parametersOf = async (name: string) => (await stat(join(at(name), 'model.safetensors'))).size / 4;
const trainInto = (name: string) => ['train', '--data', at('text.txt'), '--out', at(name), ...small];

describeWithTwoHosts('training over two hosts', { timeout: 120_000 }, () => {
  it('has collectives that do what they say', async () => {
    const script = join(import.meta.dirname, '../mpi/collectives.ranks.ts');
    const { code, stdout, stderr } = await launch([twoHosts, 'mpirun', '-n', '3'], script, []);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^42 cases held on 3 ranks of Open MPI.*, hosts: 2/);
  });

  it('reaches the bits of one rank, and sends the bytes that docs/mpi.md counts', async () => {
    const one = await mpirun(1, program, [...trainInto('one'), ...run]);
    expect(one.code, one.stderr).toBe(0);
    const two = await launch([...slow, '-n', '2'], program, [...trainInto('two'), ...run]);
    expect(two.code, two.stderr).toBe(0);
    expect(two.stdout).toMatch(/ {2}ranks {4}2 on 2 hosts, Open MPI/);
    expect(await stateFiles(at('two'))).toEqual(await stateFiles(at('one')));

    const parameters = await parametersOf('two');
    const expected = steps * ((8 * parameters) / 2);
    for (const sent of bytesSent(two)) {
      // Headers and acknowledgements are a few percent, and ranks say a little beside; nothing is sent twice.
      expect(sent).toBeGreaterThan(expected);
      expect(sent).toBeLessThan(1.25 * expected);
    }
    const lines = (await readLog(join(at('two'), 'log.jsonl'))) as StepLine[];
    expect(lines).toHaveLength(steps);
    for (const { waited } of lines) expect(waited).toBeGreaterThan(0);
  });

  it('that meet rarely send so much less', async () => {
    const local = ['--steps', String(steps), '--validation', '0', '--local-steps', '4'];
    const ended = await launch([...slow, '-n', '2'], program, [...trainInto('local'), ...local]);
    expect(ended.code, ended.stderr).toBe(0);
    const parameters = await parametersOf('local');
    // Two meetings; saving moves each rank's moments and outer velocities to rank 0 besides, at the start and the end.
    const [, toFirst] = bytesSent(ended);
    expect(toFirst).toBeLessThan((2 * 4 + 2 * 16) * parameters);
  });

  it('ends on both when a rank dies, names its host, and leaves a whole checkpoint', async () => {
    const long = ['--accumulation', '2', '--steps', '100000', '--schedule', 'constant', '--save-every', '5'];
    const command = [
      ...slow,
      '-n',
      '2',
      process.execPath,
      program,
      ...trainInto('killed'),
      ...long,
      '--json',
    ];
    const { code, stderr } = await runUntil(command, '"step":12,', () => killRank(1, at('killed')));
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/rank 1 .*on node 10\.[\d.]+\.2 exited on signal 9/s);
    expect(await processesWith(at('killed'))).toEqual([]);
    const saved = await savedStep(at('killed'));
    expect(saved).toBeGreaterThanOrEqual(10);
    expect(saved % 5).toBe(0);
    const resume = () =>
      mpirun(1, program, [
        ...['train', '--resume', '--out', at('killed'), '--threads', '1', '--steps', String(saved + 1)],
      ]);
    // Of a process on another host nobody here knows whether it has ended; the message says what to do then.
    const refused = await resume();
    expect(refused.code).not.toBe(0);
    const [, lock] = /process \d+ on node1 is writing there.* delete (\S+) if it has ended/.exec(
      refused.stderr,
    )!;
    await rm(lock!);
    const resumed = await resume();
    expect(resumed.code, resumed.stderr).toBe(0);
  });
});

/** Of each host, over the cable. */
function bytesSent({ stderr }: Ended): [number, number] {
  const [, first, second] = /node1 sent (\d+) bytes, node2 (\d+)/.exec(stderr)!;
  return [Number(first), Number(second)];
}
