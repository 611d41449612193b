/**
 * The long co-simulation: random programs on machines of many shapes, RTL against simulator. `npx node rtl/campaign.ts` takes
 * some minutes, ends with 1 at the first difference, and writes results/rtl-cosimulation.json otherwise.
 * `--instructions N` (default: 100000) and `--seed N` (default: 1) choose what is run. A campaign that was stopped continues,
 * where the sources are those of the same commit.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomProgram, randomTiming } from '../src/accelerator/testing.ts';
import { traceText } from '../src/accelerator/trace.ts';
import { InputError } from '../src/errors.ts';
import { buildBench, type RtlJob, type RtlSizes, rtlFolder, runBench } from './bench/bench.ts';
import { simulate } from './bench/simulated.ts';

interface Shape {
  readonly sizes: RtlSizes;
  /** Of the vectors in its programs. */
  readonly longest: number;
  /** Of all instructions. Those on long vectors take some thousand cycles each. */
  readonly share: number;
}

const shapes: readonly Shape[] = [
  shape([1, 8192, 256, 8, 1, 16], 512, 0.3),
  shape([1, 8192, 256, 8, 1, 16], 8192, 0.02),
  shape([2, 1024, 64, 4, 4, 8], 512, 0.18),
  shape([5, 32, 4, 1, 1, 1], 32, 0.3),
  shape([32, 128, 2, 1, 1, 2], 128, 0.1),
  shape([3, 512, 16, 3, 16, 4], 128, 0.1),
];

function shape(
  [cores, maxLength, fifo, outQueue, batch, rowLanes]: readonly [
    number,
    number,
    number,
    number,
    number,
    number,
  ],
  longest: number,
  share: number,
): Shape {
  const sizes = { cores, maxLength, fifo, outQueue, batch, rowLanes, rom: 1000, memoryBeats: 2 ** 21 };
  return { sizes, longest, share };
}

const results = new URL('../results/rtl-cosimulation.json', import.meta.url);
/** Instructions of a program, a few times around its loop. */
const length = 60;

function count(value: string, name: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0) return number;
  throw new InputError(`--${name}: found ${value}, expected a positive integer`);
}

const changes = ', with changes';

/** Of the sources that were run; a run on uncommitted sources says so. */
function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: rtlFolder, encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', '.', '../src/accelerator');
  return git('rev-parse', 'HEAD') + (changed ? changes : '');
}

interface Done {
  programs: number;
  instructions: number;
  cycles: number;
}

/** Where it stands what a campaign has done on a shape. */
const progressOf = (shape: number) =>
  fileURLToPath(new URL(`../build/rtl/campaign-${shape}.json`, import.meta.url));

/** What was done on a shape before, by a campaign of this name; nothing on sources that no commit has. */
async function begin(shape: number, campaign: string): Promise<Done> {
  const file = await fs.readFile(progressOf(shape), 'utf8').catch(() => '{}');
  const { name, done } = JSON.parse(file) as { name?: string; done?: Done };
  const continues = done && name === campaign && !campaign.includes(changes);
  return continues ? done : { programs: 0, instructions: 0, cycles: 0 };
}

async function save(shape: number, campaign: string, done: Done): Promise<void> {
  const file = progressOf(shape);
  await fs.writeFile(`${file}.tmp`, JSON.stringify({ name: campaign, done }));
  await fs.rename(`${file}.tmp`, file);
}

async function runShape(shape: number, seed: number, total: number) {
  const { sizes, longest, share } = shapes[shape]!;
  const instructions = Math.ceil(total * share);
  const binary = buildBench(sizes);
  const campaign = `${commit()}, seed ${seed}`;
  const done = await begin(shape, campaign);
  while (done.instructions < instructions) {
    const jobs = Array.from({ length: 10 }, (_, i) => jobOf(sizes, longest, seed + done.programs + i));
    await runBench(binary, jobs, (result, i) => {
      const expected = simulate(sizes, jobs[i]!);
      const same = traceText(result.events) === expected.trace;
      if (!same || result.memoryChecksum !== expected.memoryChecksum) {
        throw new InputError(`seed ${seed + done.programs + i} differs on ${JSON.stringify(sizes)}`);
      }
      done.instructions += result.events.filter(({ kind }) => kind === 'I').length;
      done.cycles += result.cycles;
    });
    done.programs += jobs.length;
    await save(shape, campaign, done);
    process.stderr.write(`shape ${shape}: ${done.instructions} of ${instructions} instructions\n`);
  }
  return { sizes, longest, ...done };
}

function jobOf(sizes: RtlSizes, longest: number, seed: number): RtlJob {
  const { words, memory, tokens } = randomProgram(seed, sizes, length, longest);
  return { program: words, memory, tokens, timing: randomTiming(seed, sizes.cores), maxCycles: 10_000_000 };
}

/** A shape in a process of its own: the simulator keeps one core busy. */
async function inProcess(
  shape: number,
  args: readonly string[],
): Promise<Awaited<ReturnType<typeof runShape>>> {
  const command = [fileURLToPath(import.meta.url), '--shape', String(shape), ...args];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (code !== 0) throw new InputError(`shape ${shape} ended with ${code}`);
  return JSON.parse(stdout);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      instructions: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      shape: { type: 'string' },
    },
  });
  const [instructions, seed] = [count(values.instructions, 'instructions'), count(values.seed, 'seed')];
  if (values.shape !== undefined) {
    const machine = await runShape(Number(values.shape), seed, instructions);
    process.stdout.write(`${JSON.stringify(machine)}\n`);
    return;
  }
  for (const { sizes } of shapes) buildBench(sizes); // one after another: two shapes share a build
  const args = ['--instructions', String(instructions), '--seed', String(seed)];
  const machines = await Promise.all(shapes.map((_, i) => inProcess(i, args)));
  const total = machines.reduce((sum, machine) => sum + machine.instructions, 0);
  const report = { commit: commit(), seed, instructions: total, differences: 0, machines };
  await fs.writeFile(results, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`${total} instructions, no difference\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
