/**
 * Checks that a GPU trains as the CPU does: one small model on Moby-Dick, the same seed and data, 2,000 steps on each. A
 * second seed on the CPU shows how much two trainings differ by chance.
 *
 *   npx node bench/losses.ts --engine cpu              about three minutes on two cores; resumes after a stop
 *   npx node bench/losses.ts --engine webgpu
 *   npx node bench/losses.ts --engine cuda
 *   npx node bench/losses.ts --engine cpu --seed 2
 *   npx node bench/losses.ts --add other.json          adds the curves of another machine
 *
 * Each adds its curve to results/gpu-cpu-loss.json and draws the figure again.
 */
import './begin.ts';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { readInputFile } from '../src/cli/inputFile.ts';
import { catchInterrupt } from '../src/cli/interrupt.ts';
import { mobyDick } from '../src/cli/mobyDick.ts';
import { describeRun, runTraining } from '../src/cli/runTraining.ts';
import { beginRun } from '../src/train/begin.ts';
import { readLog } from '../src/train/log.ts';
import { withMachine } from '../src/train/machine.ts';
import { Run } from '../src/train/run.ts';
import { holdsRun } from '../src/train/runFile.ts';
import { parseSettings } from '../src/train/settings.ts';
import { type Curve, distances, drawCurves, nameOf } from './lossRuns.ts';
import { outputPath } from './outputPath.ts';

const vocabulary = 2048;
const model = { name: 'tiny', layers: 3, hiddenSize: 128, intermediateSize: 256 };
const settings = {
  ...{ batch: 4, length: 128, learningRate: 0.01, warmup: 40 },
  ...{ validateEvery: 200, saveEvery: 100, validation: 64 },
};

const flags = new Command('npx node bench/losses.ts')
  .addOption(new Option('--engine <name>', 'what trains').choices(['cpu', 'webgpu', 'cuda']))
  .option('--seed <n>', 'seed of the weights and the order of the data', '1')
  .option('--steps <n>', 'updates of the weights', '2000')
  .option('--minutes <n>', 'stop after this time; the same command resumes', '1e6')
  .option('--runs <folder>', 'folder of unfinished runs', 'runs/losses')
  .option('--add <file>', 'add the curves of this file')
  .option('--out <path>', 'where to write, without extension (default: results/gpu-cpu-loss)')
  .parse()
  .opts<
    Record<'seed' | 'steps' | 'minutes' | 'runs', string> & {
      out?: string;
      engine?: Curve['engine'];
      add?: string;
    }
  >();

/** Trains, or resumes, and returns the loss curve so far. */
async function train(engine: Curve['engine'], seed: number): Promise<Curve> {
  const folder = join(flags.runs, `${engine}-${seed}`);
  const interrupt = catchInterrupt(
    () => console.error('\nStopping and saving. Run the same command to resume.'),
    {
      savesWork: true,
    },
  );
  const late = AbortSignal.timeout(Math.min(60_000 * Number(flags.minutes), 2 ** 31 - 1));
  const signal = AbortSignal.any([interrupt.signal, late]);
  try {
    return await withMachine({ engine }, async (machine) => {
      const run = (await holdsRun(folder))
        ? await Run.resume(folder, machine)
        : await beginRun(await planOf(folder, seed), machine);
      try {
        console.error(describeRun(run).join('\n'));
        await runTraining(run, { interrupt: { ...interrupt, signal } });
        return await curveOf(run, engine, seed);
      } finally {
        await run.close();
      }
    });
  } finally {
    interrupt.release();
  }
}

async function planOf(folder: string, seed: number) {
  const chapters = await mobyDick();
  async function* data() {
    yield* chapters;
  }
  const chosen = parseSettings({ ...settings, seed, steps: Number(flags.steps) });
  return { folder, model, vocabulary, data, settings: chosen };
}

async function curveOf(run: Run, engine: Curve['engine'], seed: number): Promise<Curve> {
  const lines = await readLog(run.logPath);
  const rounded = (loss: number) => Number(loss.toFixed(5));
  return {
    ...{ engine, machine: run.trainer.engine.description, seed },
    losses: lines.flatMap((line) => (line.event === 'step' ? [rounded(line.loss)] : [])),
    validations: lines.flatMap((line) =>
      line.event === 'validation' ? [[line.step, rounded(line.loss)] as const] : [],
    ),
  };
}

const curvesOf = (json: Buffer) => (JSON.parse(json.toString()) as { curves: Curve[] }).curves;

async function knownCurves(path: string): Promise<Curve[]> {
  try {
    return curvesOf(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

const out = await outputPath(flags.out, 'gpu-cpu-loss');
const found = flags.engine ? [await train(flags.engine, Number(flags.seed))] : [];
if (flags.add !== undefined) found.push(...curvesOf(await readInputFile('--add', flags.add)));
const known = (await knownCurves(`${out}.json`)).filter(
  (curve) => !found.some((other) => nameOf(other) === nameOf(curve)),
);
// The other runs are compared with the CPU and the first seed.
const curves = [...known, ...found].sort((a, b) => a.seed - b.seed || a.engine.localeCompare(b.engine));
const report = { model: { ...model, vocabulary }, settings, distances: distances(curves), curves };
await writeFile(`${out}.json`, `${JSON.stringify(report)}\n`);
const title = curves.some(({ engine }) => engine === 'webgpu')
  ? 'Training on the CPU and on a GPU, from the same weights and data'
  : 'Training on the CPU: what a seed decides';
await writeFile(`${out}.svg`, drawCurves(curves, title));
for (const { between, mean, largest, validation } of report.distances) {
  console.log(
    `${between.join(' and ')}: mean distance ${mean.toFixed(4)}, largest ${largest.toFixed(4)}, ` +
      `of the last validation ${validation.toFixed(4)} nats a token`,
  );
}
