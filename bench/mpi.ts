/**
 * Measures training over ranks: one rank alone, and N ranks with as much work each, updating at every step, with a
 * sharded optimizer, and with local steps. N ranks must reach the losses of one rank with the same global batch. GPUs of
 * `--engine cuda` exchange through NCCL, always with a sharded optimizer; our own launcher starts them.
 *
 *   npm run bench:mpi                                                      two ranks of one thread, a small model
 *   npm run bench:mpi -- --engine webgpu --size 370M --batch 8 --length 2048 --passes 1,8
 *   npm run bench:mpi -- --engine cuda --size 370M --vocabulary 32000 --batch 8 --length 2048 --steps 10
 *   npm run bench:mpi -- --engine webgpu --launcher "mpirun --bind-to none" --wrapper scripts/ownGpu.sh
 *
 * Measurements are kept under runs/mpi until the tables are written: after a stop, the same command resumes with the
 * next number of ranks.
 */
import './begin.ts';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { InputError } from '../src/errors.ts';
import { isConfigName } from '../src/model/config.ts';
import type { Case, Found, Measured, Work } from './mpiCase.ts';
import { formatScaling } from './mpiReport.ts';
import { outputPath } from './outputPath.ts';

const root = fileURLToPath(new URL('../', import.meta.url));

const mpirun = 'mpirun --allow-run-as-root --oversubscribe --bind-to none';

const options = new Command('npm run bench:mpi --')
  .option('--ranks <counts>', 'numbers of ranks; one rank is always measured', '2')
  .option('--engine <name>', 'cpu, webgpu or cuda', 'cpu')
  .option('--threads <count>', 'threads of each rank on the CPU', '1')
  .option('--size <name>', 'named configuration', 'mini')
  .option('--vocabulary <count>', 'entries', '4096')
  .option('--batch <sequences>', 'sequences of a pass', '4')
  .option('--length <tokens>', 'tokens of a sequence', '128')
  .option('--passes <counts>', 'passes of each rank in an update', '1,4')
  .option('--methods <names>', 'among together, sharded, local (default: all; with cuda, together)')
  .option('--local-steps <count>', 'local steps between synchronisations', '8')
  .option('--steps <count>', 'timed steps of a case', '5')
  .option('--recompute', 'recompute activations in the backward pass')
  .option('--launcher <command>', `starts ranks, "-n N" follows (default: ${mpirun}; for cuda, our own)`)
  .option('--wrapper <command>', 'command before node, e.g. scripts/ownGpu.sh')
  .option('--out <path>', 'where to write the tables, without extension (default: results/mpi)')
  .parse()
  .opts<
    Record<
      | 'ranks'
      | 'engine'
      | 'threads'
      | 'size'
      | 'vocabulary'
      | 'batch'
      | 'length'
      | 'passes'
      | 'localSteps'
      | 'steps',
      string
    > & { methods?: string; launcher?: string; wrapper?: string; recompute?: boolean; out?: string }
  >();

export interface Report {
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly work: Omit<Work, 'cases'>;
  /** Largest relative difference of a loss from one rank's with the same global batch. */
  readonly difference: number;
  /** One rank first. */
  readonly found: readonly Found[];
}

function integers(name: string, text: string): number[] {
  const values = text.split(',').map(Number);
  if (values.every((value) => Number.isInteger(value) && value > 0)) return values;
  throw new InputError(`--${name}: found ${text}, expected positive integers`);
}
const integer = (name: 'threads' | 'vocabulary' | 'batch' | 'length' | 'steps' | 'localSteps') =>
  integers(name, options[name])[0]!;

if (!isConfigName(options.size)) throw new InputError(`--size: found ${options.size}, expected a name`);
if (options.engine !== 'cpu' && options.engine !== 'webgpu' && options.engine !== 'cuda')
  throw new InputError(`--engine: found ${options.engine}, expected cpu, webgpu or cuda`);

const engine: Work['engine'] = options.engine;
const work = {
  ...{ size: options.size, engine, recompute: options.recompute ?? false },
  ...{ threads: integer('threads'), vocabulary: integer('vocabulary') },
  ...{ batch: integer('batch'), length: integer('length') },
};
const rankCounts = integers('ranks', options.ranks).filter((count) => count > 1);
const passCounts = integers('passes', options.passes);
const [steps, localSteps] = [integer('steps'), integer('localSteps')];

/** Number of steps whose losses are compared. */
const compared = 3;
/**
 * Tolerance of a loss: sums in another order differ in the last bits. A weight at the border of two ternary values may
 * then round either way, which grows to the third digit in a few steps.
 */
const tolerance = 5e-3;

const plain = { shardOptimizer: false, localSteps: 0, steps };
const together: Case[] = passCounts.map((passes) => ({ ...plain, passes }));
const fewest = Math.min(...passCounts);
const methods = options.methods?.split(',') ?? (engine === 'cuda' ? [] : ['sharded', 'local']);
const others: Case[] = [
  ...(methods.includes('sharded') ? [{ ...plain, passes: fewest, shardOptimizer: true }] : []),
  ...(methods.includes('local') ? [{ ...plain, passes: fewest, localSteps, steps: 2 * localSteps }] : []),
];
const checks: Case[] = rankCounts.map((count) => ({ ...plain, passes: fewest * count, steps: compared }));

/** Folder of this command's launches until all are done. */
const command = createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 16);
const kept = `${root}runs/mpi/${command}`;

/** The result of a launch, measured now or by an earlier run of this command. */
async function launchOnce(ranks: number, cases: readonly Case[]): Promise<Found> {
  const path = `${kept}/${ranks}.json`;
  const known = await readFile(path, 'utf8').catch(() => undefined);
  if (known !== undefined) return JSON.parse(known) as Found;
  const found = await launch(ranks, cases);
  await mkdir(kept, { recursive: true });
  await writeFile(path, JSON.stringify(found));
  return found;
}

/** Runs the cases in one launch. */
async function launch(ranks: number, cases: readonly Case[]): Promise<Found> {
  const child = fileURLToPath(new URL('mpiCase.ts', import.meta.url));
  const node = [process.execPath, child, JSON.stringify({ ...work, cases } satisfies Work)];
  const wrapper = options.wrapper?.split(' ') ?? [];
  const own = [process.execPath, fileURLToPath(new URL('../scripts/ranks.ts', import.meta.url))];
  const launcher = options.launcher?.split(' ') ?? (engine === 'cuda' ? own : mpirun.split(' '));
  const [file, ...args] = ranks === 1 ? node : [...launcher, '-n', `${ranks}`, ...wrapper, ...node];
  const running = promisify(execFile)(file!, args, { maxBuffer: 1e8, cwd: root });
  running.child.stderr?.pipe(process.stderr); // shows errors
  const { stdout } = await running.catch(() => process.exit(1));
  return JSON.parse(stdout) as Found;
}

/** Compared with one rank with the same global batch; results that differ are not reported. */
function differenceOf(found: readonly Found[]): number {
  const [one, ...several] = found as [Found, ...Found[]];
  const differences = several.flatMap(({ ranks, measured }) => {
    const expected = one.measured.find(({ passes }) => passes === fewest * ranks)!.losses;
    return measured
      .filter((row) => row.passes === fewest && row.localSteps === 0)
      .flatMap(({ losses }) =>
        expected.slice(0, compared).map((loss, step) => Math.abs(losses[step]! - loss) / loss),
      );
  });
  const largest = Math.max(...differences);
  if (!(largest < tolerance))
    throw new Error(`ranks and one rank differ by ${largest} of the loss; not reported`);
  return largest;
}

function refuseIdle(rows: readonly Measured[]): void {
  const idle = rows.find(({ losses }) => !(losses.at(-1)! < losses[0]!));
  if (idle) throw new Error(`training does not learn: ${JSON.stringify(idle)}`);
}

const out = await outputPath(options.out, 'mpi');
const found = [
  await launchOnce(1, [...together, ...checks.filter(({ passes }) => !passCounts.includes(passes))]),
];
for (const count of rankCounts) found.push(await launchOnce(count, [...together, ...others]));
for (const { measured } of found) refuseIdle(measured);
const report: Report = {
  command: ['npm run bench:mpi', ...(process.argv.length > 2 ? ['--'] : []), ...process.argv.slice(2)].join(
    ' ',
  ),
  date: new Date().toISOString(),
  machine: `${cpus().length} cores of ${cpus()[0]!.model}, Node ${process.version}`,
  ...{ work, difference: differenceOf(found), found },
};
const markdown = formatScaling(report);
await writeFile(`${out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
await writeFile(`${out}.md`, markdown);
await rm(kept, { recursive: true, force: true });
console.log(markdown);
