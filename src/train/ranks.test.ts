/** Training over ranks as users start it: mpirun, processes of their own, and what they leave. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { temporaryFolder } from '../checkpoint/testing.ts';
import {
  describeWithMpi,
  type Ended,
  killRank,
  mpirun,
  mpirunCommand,
  processesWith,
  runUntil,
} from '../mpi/testing.ts';
import { readLog, type StepLine } from './log.ts';
import { rhyme, stateFiles } from './testing.ts';
import { savedStep } from './trainingState.ts';

const program = join(import.meta.dirname, '../../bin/plusminus.js');
const size = ['--layers', '2', '--hidden-size', '32', '--intermediate-size', '48', '--vocab', '280'];
const small = [...size, '--batch', '2', '--length', '16', '--warmup', '2', '--threads', '1'];

let folder: string;
let text: string;
const at = (name: string) => join(folder, name);
beforeEach(async () => {
  folder = await temporaryFolder();
  text = at('text.txt');
  await writeFile(text, rhyme);
});

/** A new run; fails the test if it does not finish. */
async function train(ranks: number, name: string, ...flags: string[]): Promise<Ended> {
  const args = ['train', '--data', text, '--out', at(name), ...small, ...flags];
  const ended = await mpirun(ranks, program, args);
  expect(ended.code, ended.stderr).toBe(0);
  return ended;
}

async function resume(ranks: number, name: string, ...flags: string[]): Promise<void> {
  const { code, stderr } = await mpirun(ranks, program, [
    'train',
    '--resume',
    '--out',
    at(name),
    '--threads',
    '1',
    ...flags,
  ]);
  expect(code, stderr).toBe(0);
}

/** Log lines without what a clock says, and what only several ranks say. */
async function logOf(name: string) {
  const lines = await readLog(join(at(name), 'log.jsonl'));
  return lines.map((line) => ({ ...line, time: 0, tokensPerSecond: 0, slowestRank: 0, waited: 0 }));
}

const lossesOf = async (name: string) => (await logOf(name)).map(({ loss }) => loss);

// Several processes start for each run, which takes long where cores are few.
describeWithMpi('training over ranks', { timeout: 300_000 }, () => {
  it('with ordered sums, one, two and four ranks reach the same bits', async () => {
    const flags = [
      '--accumulation',
      '4',
      '--ordered',
      '--steps',
      '5',
      '--validate-every',
      '2',
      '--save-every',
      '2',
    ];
    await train(1, 'one', ...flags);
    const { stdout } = await train(2, 'two', ...flags);
    await train(4, 'four', ...flags);
    expect(await stateFiles(at('two'))).toEqual(await stateFiles(at('one')));
    expect(await stateFiles(at('four'))).toEqual(await stateFiles(at('one')));
    expect(await logOf('two')).toEqual(await logOf('one'));
    expect(await logOf('four')).toEqual(await logOf('one'));
    // Rank 0 alone speaks: each line comes once.
    expect(stdout.match(/ {2}ranks {4}2 on one host, /g)).toHaveLength(1);
    expect(stdout.match(/^Try it/gm)).toHaveLength(1);
    const steps = (await readLog(join(at('two'), 'log.jsonl'))).filter(({ event }) => event === 'step');
    for (const line of steps as StepLine[]) expect(line.slowestRank).toBeGreaterThan(0);
  });

  it('without order, and with sharded moments, losses agree within rounding', async () => {
    const flags = ['--accumulation', '2', '--steps', '5', '--validation', '0'];
    await train(1, 'one', ...flags);
    await train(2, 'two', ...flags);
    await train(2, 'sharded', ...flags, '--shard-optimizer', '--ordered');
    const expected = await lossesOf('one');
    for (const name of ['two', 'sharded']) {
      (await lossesOf(name)).forEach((loss, step) => {
        // A weight on the border of two ternary values may round either way, so losses drift apart slowly.
        expect(loss, `${name}, step ${step}`).toBeCloseTo(expected[step]!, step === 0 ? 5 : 2);
      });
    }
    // The moments of all ranks are there, by parameter: one rank continues from them.
    await resume(1, 'sharded', '--steps', '6');
    await resume(1, 'one', '--steps', '6');
    expect((await lossesOf('sharded'))[5]).toBeCloseTo((await lossesOf('one'))[5]!, 2);
  });

  it('divides by all labels of an update, however ranks and passes share them', async () => {
    const script = join(import.meta.dirname, 'labels.ranks.ts');
    const update = async (ranks: number, choices: object) => {
      const { code, stdout, stderr } = await mpirun(ranks, script, [JSON.stringify(choices)]);
      expect(code, stderr).toBe(0);
      return JSON.parse(stdout);
    };
    const whole = await update(1, { batch: 4 });
    expect(whole.labels).toBe(29);
    expect(whole.validationLoss).toBeCloseTo(whole.loss, 5);
    const passes = { batch: 1, accumulation: 4 };
    for (const [ranks, choices] of [
      [1, passes],
      [2, passes],
      [4, { ...passes, ordered: true }],
      [2, { ...passes, shardOptimizer: true }],
    ] as const) {
      const shared = await update(ranks, choices);
      for (const fact of Object.keys(whole)) {
        expect(shared[fact], `${ranks} ranks, ${fact}`).toBeCloseTo(whole[fact], 4);
      }
    }
    // Between synchronisations each rank divides by its own labels; the reported loss is that of all ranks.
    const { gradientNorm: _, ...facts } = await update(2, { ...passes, localSteps: 1 });
    for (const [fact, value] of Object.entries(facts)) expect(value, fact).toBeCloseTo(whole[fact], 4);
  });

  it('ends everywhere when a rank dies, and continues from a whole checkpoint with another number', async () => {
    const flags = ['--accumulation', '4', '--ordered', '--schedule', 'constant', '--save-every', '5'];
    const long = [
      'train',
      '--data',
      text,
      '--out',
      at('killed'),
      ...small,
      ...flags,
      '--steps',
      '100000',
      '--json',
    ];
    const { code, stderr } = await runUntil(
      [...mpirunCommand(2), process.execPath, program, ...long],
      '"step":12,',
      () => killRank(1, at('killed')),
    );
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/rank 1 .*exited on signal 9|KILLED BY SIGNAL: 9/s);
    expect(await processesWith(at('killed'))).toEqual([]);
    const saved = await savedStep(at('killed'));
    expect(saved % 5).toBe(0);
    const steps = String(saved + 7);
    await resume(4, 'killed', '--steps', steps);
    await train(1, 'whole', ...flags, '--steps', steps);
    expect(await stateFiles(at('killed'))).toEqual(await stateFiles(at('whole')));
  });

  it('alone between meetings: resumed, the same bits; it learns', async () => {
    const flags = [
      '--schedule',
      'constant',
      '--save-every',
      '4',
      '--validate-every',
      '40',
      '--learning-rate',
      '0.01',
    ];
    const local = [...flags, '--local-steps', '4', '--ordered'];
    await train(2, 'whole', ...local, '--steps', '40');
    await train(2, 'parts', ...local, '--steps', '20');
    await resume(2, 'parts', '--steps', '40');
    expect(await stateFiles(at('parts'))).toEqual(await stateFiles(at('whole')));
    // How far it stays behind ranks that meet at every step is a matter of longer runs: see docs/mpi.md.
    const validations = (await logOf('whole')).filter(({ event }) => event === 'validation');
    expect(validations.length).toBeGreaterThan(1);
    expect(validations.at(-1)!.loss).toBeLessThan(0.1 * validations[0]!.loss);
    // Another number of ranks continues from there.
    await resume(1, 'parts', '--steps', '44');
  });

  it('says once what is wrong, by rank 0', async () => {
    const args = ['train', '--data', text, '--out', at('run'), ...small, '--accumulation', '1'];
    const { code, stderr } = await mpirun(2, program, args);
    expect(code).toBe(1);
    expect(stderr.match(/^plusminus: .*$/gm)).toEqual([
      'plusminus: accumulation: found 1 passes an update for 2 ranks, expected at least one for each; ' +
        'start at most 1 ranks, or begin a run with --accumulation 2',
    ]);
  });
});
