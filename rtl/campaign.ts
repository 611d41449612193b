/**
 * The long co-simulation: random programs on machines of many shapes, RTL against simulator. `npx node rtl/campaign.ts`
 * builds a bench for each, which takes minutes, runs them, ends with 1 at the first difference, and writes
 * results/rtl-cosimulation.json otherwise. `--instructions N` (default: 100000) and `--seed N` (default: 1) choose what is
 * run. A campaign that was stopped continues behind the last program that it compared, while the sources stay as they are.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { traceText } from '../src/accelerator/trace.ts';
import { InputError } from '../src/errors.ts';
import { buildBench, rtlFolder, runBench } from './bench/bench.ts';
import { parting } from './bench/parting.ts';
import { randomJob, shapes } from './bench/shapes.ts';
import { simulate } from './bench/simulated.ts';

/** Programs that one run of a bench gets. */
const programsOfRun = 10;

const progressFile = join(rtlFolder, '../build/rtl/campaign.json');
const results = join(rtlFolder, '../results/rtl-cosimulation.json');

/** What was compared on a shape. */
interface Done {
  programs: number;
  instructions: number;
  cycles: number;
}

interface Progress {
  /** Tells whether it may be continued. */
  readonly campaign: string;
  readonly done: readonly Done[];
}

const sourcePatterns = ['rtl/**/*.{sv,mem,vlt,h,cpp}', 'rtl/bench/*.ts', 'src/accelerator/*.ts'];

/** Of everything that decides what a program does on RTL or simulator. */
function sourcesDigest(): string {
  const hash = createHash('sha256');
  const root = join(rtlFolder, '..');
  const files = globSync(sourcePatterns, { cwd: root, exclude: ['**/node_modules/**', '**/*.test.ts'] });
  for (const file of files.sort()) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest('hex').slice(0, 16);
}

function begin(campaign: string): Progress {
  try {
    const found: Progress = JSON.parse(readFileSync(progressFile, 'utf8'));
    if (found.campaign === campaign) return found;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return { campaign, done: shapes.map(() => ({ programs: 0, instructions: 0, cycles: 0 })) };
}

function save(progress: Progress): void {
  writeFileSync(`${progressFile}.tmp`, JSON.stringify(progress));
  renameSync(`${progressFile}.tmp`, progressFile);
}

const say = (text: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

/** Builds a shape's bench and compares its programs, from the first that was not yet compared on. */
async function runShape(index: number, seed: number, total: number, progress: Progress): Promise<void> {
  const shape = shapes[index]!;
  const { sizes, longest, share } = shape;
  const done = progress.done[index]!;
  const instructions = Math.ceil(total * share);
  const name = `machine ${index + 1} of ${shapes.length} (${shape.name})`;
  if (done.instructions >= instructions) return;
  say(`${name}: building`);
  const binary = buildBench(sizes);
  while (done.instructions < instructions) {
    const first = seed + done.programs;
    const jobs = Array.from({ length: programsOfRun }, (_, i) => randomJob(shape, first + i));
    await runBench(binary, jobs, (result, i) => {
      const expected = simulate(sizes, jobs[i]!);
      const found = traceText(result.events);
      if (found !== expected.trace || result.memoryChecksum !== expected.memoryChecksum) {
        const where = `seed ${first + i} differs on ${JSON.stringify(sizes)}`;
        const what = found === expected.trace ? 'memory after the run' : parting(found, expected.trace);
        throw new InputError(`${where}, vectors of up to ${longest}:\n${what}`);
      }
      done.programs++;
      done.instructions += result.events.filter(({ kind }) => kind === 'I').length;
      done.cycles += result.cycles;
      save(progress);
    });
    say(`${name}: ${done.instructions} of ${instructions} instructions, no difference`);
  }
}

/** Of the sources that were run; a run on uncommitted sources says so. */
function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: rtlFolder, encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', '.', '../src/accelerator');
  return git('rev-parse', 'HEAD') + (changed ? ', with changes' : '');
}

function count(value: string, name: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0) return number;
  throw new InputError(`--${name}: found ${value}, expected a positive integer`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      instructions: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [instructions, seed] = [count(values.instructions, 'instructions'), count(values.seed, 'seed')];
  const sources = sourcesDigest();
  const progress = begin(`sources ${sources}, seed ${seed}`);
  for (const index of shapes.keys()) await runShape(index, seed, instructions, progress);
  const machines = progress.done.map((done, i) => {
    const { sizes, longest } = shapes[i]!;
    return { sizes, longest, ...done };
  });
  const total = machines.reduce((sum, machine) => sum + machine.instructions, 0);
  const report = { commit: commit(), sources, seed, instructions: total, differences: 0, machines };
  writeFileSync(results, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`${total} instructions, no difference\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
