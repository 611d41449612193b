/**
 * The CPU benchmark: decoding, prompts, memory and training, with one thread and with all. Every measurement runs in its
 * own process, several rounds in turn; medians are reported, and results are checked before timing.
 *
 *   npm run bench                          370M and 1.3B with random weights, and training
 *   npm run bench -- --sizes 370M,2.7B --threads 1,2,4 --rounds 5
 *   npm run bench -- --sizes 2.7B --add        keeps the rows of other sizes in results/cpu.json
 *   npm run bench -- --llama               llama.cpp beside us, if `npm install --no-save node-llama-cpp` was run
 *   npm run bench -- --models --llama      the sizes of models that people have, on the same GGUF files: see models.ts
 *   npm run bench -- --models --llama --threads 2 --minutes 20     as many rounds as fit
 */
import './begin.ts';
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import type { ConfigName } from '../src/model/config.ts';
import { fusingFlag } from '../src/platform/fusing.ts';
import { nativeVariants } from '../src/platform/nativeLibrary.ts';
import { type ChildOptions, childWith } from './child.ts';
import { findLlamaCpp, llamaCppContender } from './llamaCpp.ts';
import { measureModels } from './models.ts';
import { outputPath } from './outputPath.ts';
import { type Contender, type InferenceResult, ours, oursFused } from './protocol.ts';
import { countsOf, modelsFolder, randomModel, sizesOf } from './randomModel.ts';
import { readBandwidth } from './readBandwidth.ts';
import { type Report, readReport, writeReport } from './report.ts';
import { median } from './statistics.ts';
import type { TrainingResult } from './trainingCase.ts';

const root = fileURLToPath(new URL('../', import.meta.url));

const options = new Command('npm run bench --')
  .option('--sizes <names>', 'named configurations to decode', '370M,1.3B')
  .option('--threads <counts>', 'numbers of threads', [...new Set([1, availableParallelism()])].join(','))
  .option('--rounds <count>', 'measurements of each case', '3')
  .option('--no-training', 'do not measure training')
  .option('--llama [folder]', 'measure llama.cpp too, with node-llama-cpp as installed here or in the folder')
  .option('--models [names]', 'measure models of these sizes instead, from GGUF files; default: all')
  .option(
    '--minutes <count>',
    'with --models: end after so many minutes with what is measured; default: no limit',
  )
  .option('--add', 'keep earlier rows except those measured now')
  .option('--out <path>', 'where to write the tables, without extension (default: results/cpu)')
  .parse()
  .opts<{
    sizes: string;
    threads: string;
    rounds: string;
    training: boolean;
    llama?: string | true;
    models?: string | true;
    minutes?: string;
    add?: true;
    out?: string;
  }>();

const threadCounts = countsOf('--threads', options.threads);
const [rounds = 1] = countsOf('--rounds', options.rounds);

const webAssembly: ChildOptions = { env: { PLUSMINUS_NATIVE: 'off' } };

/** WebAssembly, and each variant of the native kernels that is built and that this processor has. */
const paths: readonly (readonly [name: string, child: ChildOptions])[] = [
  [ours, webAssembly],
  ...nativeVariants().map(
    ({ variant }) => [`${ours}, native ${variant}`, { env: { PLUSMINUS_NATIVE: variant } }] as const,
  ),
];

/** Our cases, with a packed model of random weights, made once: its speed is that of a trained one. */
async function ourContenders(size: ConfigName): Promise<Contender[]> {
  const folder = await randomModel(size);
  const contender = (engine: string, child: ChildOptions): Contender => ({
    engine,
    measure: (threads) => childWith<InferenceResult>(child, 'inferenceCase.ts', folder, threads),
  });
  const fused = contender(oursFused, { ...webAssembly, flags: [fusingFlag] });
  return [...paths.map(([engine, child]) => contender(engine, child)), fused];
}

/** The median of each field over the rounds. */
function medians<T extends object>(results: readonly T[], fields: readonly (keyof T)[]): T {
  const middle = { ...results[0]! };
  for (const field of fields) {
    middle[field] = median(results.map((result) => result[field] as number)) as T[typeof field];
  }
  return middle;
}

type InferenceRow = Omit<Report['inference'][number], 'bandwidthShare'>;

async function inferenceRows(): Promise<InferenceRow[]> {
  const rows: InferenceRow[] = [];
  for (const size of sizes) {
    const contenders = await ourContenders(size);
    if (llama) contenders.push(await llamaCppContender(llama, size, modelsFolder));
    for (const { engine, threads, results } of await measureInTurn(size, contenders)) {
      const { tokens: _, ...middle } = medians(results, [
        'loadMilliseconds',
        'residentBytes',
        'decodeTokensPerSecond',
        'promptTokensPerSecond',
      ]);
      rows.push({ size, engine, threads, ...middle });
    }
  }
  return rows;
}

/** Ours, theirs, ours, theirs: other work on the machine disturbs all alike. */
async function measureInTurn(size: ConfigName, contenders: readonly Contender[]) {
  const cases = threadCounts.flatMap((threads) =>
    contenders.map(({ engine, measure }) => ({
      engine,
      threads,
      measure,
      results: [] as InferenceResult[],
    })),
  );
  for (let round = 0; round < rounds; round++) {
    for (const { engine, threads, measure, results } of cases) {
      console.error(`${size}, ${engine}, ${threads} thread(s), round ${round + 1} of ${rounds}`);
      results.push(await measure(threads));
    }
  }
  const found = cases.filter(({ engine }) => engine.startsWith(ours)).flatMap(({ results }) => results);
  if (new Set(found.map(({ tokens }) => tokens.join(' '))).size !== 1)
    throw new Error(`${size}: greedy tokens differ between runs, numbers of threads or kernels`);
  return cases;
}

/** The later report's rows replace the earlier one's; others stay. */
function merge(earlier: Report, later: Report): Report {
  const inOrder = <T extends { size?: string; engine?: string; threads: number }>(
    old: readonly T[],
    rows: readonly T[],
  ): T[] => {
    const key = ({ size, engine, threads }: T) => `${size} ${threads} ${engine}`;
    const all = [...new Map([...old, ...rows].map((row) => [key(row), row])).values()];
    const place = ({ size, threads }: T) =>
      [...new Set(all.map((row) => row.size))].indexOf(size) * 1000 + threads;
    return all.sort((a, b) => place(a) - place(b));
  };
  return {
    ...earlier,
    ...later,
    rounds: Math.min(earlier.rounds, later.rounds),
    bandwidth: inOrder(earlier.bandwidth, later.bandwidth),
    inference: inOrder(earlier.inference, later.inference),
    training: inOrder(earlier.training, later.training),
  };
}

async function trainingRows(): Promise<Report['training'][number][]> {
  const rows: Report['training'][number][] = [];
  for (const size of ['5M', '7M']) {
    for (const threads of threadCounts) {
      for (const [engine, child] of paths) {
        console.error(`training ${size}, ${engine}, ${threads} thread(s)`);
        const results: TrainingResult[] = [];
        for (let round = 0; round < rounds; round++)
          results.push(await childWith(child, 'trainingCase.ts', size, threads));
        rows.push({ size, engine, threads, ...medians(results, ['tokensPerSecond', 'gigaflops']) });
      }
    }
  }
  return rows;
}

const sizes = sizesOf(options.sizes);
// Looked for before anything is measured: a missing library should not cost an hour.
const llama = options.llama && (await findLlamaCpp(options.llama === true ? root : options.llama));
if (options.models !== undefined) {
  const { models, out } = options;
  const [minutes] = options.minutes === undefined ? [] : countsOf('--minutes', options.minutes);
  await measureModels({ models, threads: threadCounts, rounds, minutes, llama: llama || undefined, out });
  process.exit();
}
const out = await outputPath(options.out, 'cpu');
const earlier = options.add && (await readReport(out));
// Before and after, so that other work on the machine cannot make its memory look slower than it was.
const bandwidth = new Map<number, number>();
const readMemory = async () => {
  for (const threads of threadCounts)
    bandwidth.set(threads, Math.max(bandwidth.get(threads) ?? 0, await readBandwidth(threads)));
};
await readMemory();
const rows = await inferenceRows();
await readMemory();
const report: Report = {
  machine: { processor: cpus()[0]!.model.trim(), cores: availableParallelism(), node: process.versions.node },
  date: new Date().toISOString().slice(0, 10),
  rounds,
  ...(llama ? { rival: `node-llama-cpp ${llama.version}` } : {}),
  bandwidth: [...bandwidth].map(([threads, bytesPerSecond]) => ({ threads, bytesPerSecond })),
  inference: rows.map((row) => ({
    ...row,
    bandwidthShare: (row.decodeTokensPerSecond * row.bytesPerToken) / bandwidth.get(row.threads)!,
  })),
  training: options.training ? await trainingRows() : [],
};
await writeReport(out, earlier ? merge(earlier, report) : report, writeFile);
