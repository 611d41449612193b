/** Two processes that train in one folder: one writes, the other is refused, and the run stays whole. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SafetensorsFile } from '../../src/checkpoint/safetensors.ts';
import { temporaryFolder } from '../../src/checkpoint/testing.ts';
import { SeededRandom } from '../../src/text/seededRandom.ts';
import { readLog } from '../../src/train/log.ts';
import { savedStep } from '../../src/train/trainingState.ts';
import { budget, record, seed } from './budget.ts';

const writer = join(import.meta.dirname, 'writer.ts');

interface Process {
  readonly child: ChildProcess;
  readonly ended: Promise<string>;
  output(): string;
}

function start(folder: string): Process {
  const child = spawn(process.execPath, [writer, 'train', folder, '0']);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const ended = new Promise<string>((resolve) => child.on('close', () => resolve(stderr)));
  return { child, ended, output: () => stdout };
}

/** Lines of steps; the first comes before any. */
const steps = (output: string) => output.split('\n').filter((line) => line.startsWith('done ')).length;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for a step of one of the two. */
async function untilOneTrains(pair: readonly Process[]): Promise<void> {
  while (!pair.some(({ output }) => steps(output()) >= 3)) {
    if (pair.every(({ child }) => child.exitCode !== null)) return;
    await sleep(20);
  }
}

it('of two trainings in one folder at most one runs, and nothing is lost', async () => {
  const random = new SeededRandom(seed);
  const parent = await temporaryFolder();
  const counts = { pairs: 0, bothTrained: 0, noneTrained: 0 };
  const end = performance.now() + budget('pairs');
  do {
    const folder = join(parent, `run-${counts.pairs >> 1}`); // each twice: begun, then resumed
    const first = start(folder);
    await sleep(random.integer(400));
    const pair = [first, start(folder)];
    await untilOneTrains(pair);
    await sleep(300);
    const trained = pair.filter(({ output }) => steps(output()) >= 2);
    if (trained.length > 1) counts.bothTrained++;
    if (trained.length === 0) counts.noneTrained++;
    for (const { child } of pair) child.kill('SIGKILL');
    for (const { ended } of pair) await ended;
    counts.pairs++;
    if (trained.length === 0) continue; // both withdrew
    const step = await savedStep(folder);
    await (await SafetensorsFile.open(join(folder, `optimizer-${step}.safetensors`))).close();
    const logged = (await readLog(join(folder, 'log.jsonl'))).map((line) => line.step);
    expect(logged.slice(0, step)).toEqual(Array.from({ length: step }, (_, at) => at + 1));
  } while (performance.now() < end);
  record('pairs', counts);
  expect(counts.bothTrained).toBe(0);
});
