/**
 * Checks a training as its user meets it, on any engine:
 * - a run that Ctrl-C interrupts saves, says so, and resumes to the bits of a run that was never interrupted;
 * - over minutes, the heap does not grow and, while a GPU computes, the process answers without long pauses.
 *
 *   npx node bench/trainingChecks.ts --engine cuda                   ten minutes and a half
 *   npx node bench/trainingChecks.ts --engine cpu --minutes 1 --steps 60
 *
 * Writes results/training-checks-<engine>.json; ends with status 1 if a check fails.
 */
import './begin.ts';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { mobyDick } from '../src/cli/mobyDick.ts';
import { InputError } from '../src/errors.ts';
import { readLog } from '../src/train/log.ts';
import { outputPath } from './outputPath.ts';
import type { Steadiness } from './steadinessCase.ts';

const flags = new Command('npx node bench/trainingChecks.ts')
  .addOption(
    new Option('--engine <name>', 'what trains').choices(['cpu', 'webgpu', 'cuda']).makeOptionMandatory(),
  )
  .option('--steps <n>', 'updates of the run that is interrupted', '300')
  .option('--minutes <n>', 'how long memory and pauses are watched', '10')
  .option('--out <path>', 'where to write, without extension (default: results/training-checks-<engine>)')
  .parse()
  .opts<Record<'engine' | 'steps' | 'minutes', string> & { out?: string }>();

const command = join(import.meta.dirname, '../bin/plusminus.js');
/** What a shell reports for a process that Ctrl-C ended. */
const interruptedStatus = 130;
/** Milliseconds. */
const maxPause = 50;

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

/** Runs `plusminus train`; `until`, if given, decides when Ctrl-C is sent. */
async function train(words: readonly string[], until?: () => Promise<void>): Promise<Ended> {
  const process_ = spawn(process.execPath, [command, 'train', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [process_.stdout, process_.stderr]) stream.on('data', (text) => (output += text));
  const ended = once(process_, 'close') as Promise<[number | null]>;
  if (until) {
    await Promise.race([until(), ended]);
    process_.kill('SIGINT');
  }
  const [status] = await ended;
  return { status, output };
}

/** Waits until a run's log has a step. */
async function reaches(folder: string, step: number): Promise<void> {
  for (;;) {
    const lines = await readLog(join(folder, 'log.jsonl')).catch(() => []);
    if (lines.some((line) => line.event === 'step' && line.step >= step)) return;
    await wait(20);
  }
}

/** Hashes of a folder's weights and optimizer state, by name. */
async function hashesIn(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.safetensors'));
  const hashed = names.sort().map(async (name) => {
    const bytes = await readFile(join(folder, name));
    return [name, createHash('sha256').update(bytes).digest('hex')] as const;
  });
  return Object.fromEntries(await Promise.all(hashed));
}

function expectStatus(what: string, { status, output }: Ended, expected: number): void {
  if (status === expected) return;
  throw new InputError(`${what} ended with status ${status}, expected ${expected}:\n${output}`);
}

/** Trains once without a stop, and once with one in the middle. */
async function interruption(work: string) {
  const steps = Number(flags.steps);
  const data = join(work, 'book.txt');
  await writeFile(data, (await mobyDick()).join('\n'));
  const settings = [
    ...['--engine', flags.engine, '--data', data, '--model', 'tiny', '--vocab', '512'],
    ...['--steps', `${steps}`, '--save-every', `${4 * steps}`],
  ];
  const [straight, stopped] = [join(work, 'straight'), join(work, 'stopped')];
  expectStatus('training', await train([...settings, '--out', straight]), 0);
  const stop = await train([...settings, '--out', stopped], () => reaches(stopped, Math.floor(steps / 3)));
  expectStatus('the interrupted training', stop, interruptedStatus);
  const savedAt = (await readLog(join(stopped, 'log.jsonl'))).reduce(
    (last, { step }) => Math.max(last, step),
    0,
  );
  expectStatus(
    'the resumed training',
    await train(['--resume', '--engine', flags.engine, '--out', stopped]),
    0,
  );
  const [expected, found] = [await hashesIn(straight), await hashesIn(stopped)];
  const isSame = JSON.stringify(found) === JSON.stringify(expected) && Object.keys(expected).length > 0;
  return {
    steps,
    savedAt,
    isInterrupted: savedAt < steps,
    isSame,
    hashes: { straight: expected, stopped: found },
  };
}

/** Watches a training; calls `onFound` after each tenth of the time. Collections on request: what remains is held. */
async function watch(onFound: (steady: Steadiness) => Promise<void>): Promise<void> {
  const path = join(import.meta.dirname, 'steadinessCase.ts');
  const child = spawn(process.execPath, ['--expose-gc', path, flags.engine, flags.minutes], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  for await (const line of createInterface(child.stdout)) await onFound(JSON.parse(line) as Steadiness);
  const [status] = await ended;
  if (status !== 0)
    throw new InputError(`./steadinessCase.ts ended with status ${status}; its message is above`);
}

const out = await outputPath(flags.out, `training-checks-${flags.engine}`);
const work = await mkdtemp(join(tmpdir(), 'plusminus-checks-'));
try {
  console.error('a training that is interrupted');
  const interrupted = await interruption(work);
  console.log(
    `interrupted at step ${interrupted.savedAt} of ${interrupted.steps}, resumed to ` +
      `${interrupted.isSame ? 'the same' : 'OTHER'} bits`,
  );
  // On the CPU, the thread that answers computes too.
  const answers = ({ longestPause }: Steadiness) => flags.engine === 'cpu' || longestPause < maxPause;
  /** Written after each part, so that what was found is kept if the check is cut short. */
  const save = async (steady?: Steadiness) => {
    const isSteady = !!steady && steady.minutes >= Number(flags.minutes) && !steady.grows && answers(steady);
    const passed = interrupted.isInterrupted && interrupted.isSame && isSteady;
    const report = { engine: flags.engine, date: new Date().toISOString(), passed, interrupted, steady };
    await writeFile(`${out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
    process.exitCode = passed ? 0 : 1;
  };
  await save();
  await watch(async (steady) => {
    await save(steady);
    console.log(
      `${steady.steps} steps in ${steady.minutes.toFixed(1)} of ${flags.minutes} minutes: heap ` +
        `${steady.heapMegabytes.join(', ')} MB, longest pauses ${steady.pauses.join(', ')} ms, ` +
        `${steady.firstPause} ms in the first step`,
    );
  });
} finally {
  await rm(work, { recursive: true });
}
