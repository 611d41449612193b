/**
 * The CPU benchmark: decoding, prompts, memory and training, at one thread and at all. Every measurement runs
 * in a process of its own, several rounds in turn; medians are reported, and results are checked before timing.
 *
 *   npm run bench                          370M and 1.3B with random weights, and training
 *   npm run bench -- --sizes 370M,2.7B --threads 1,2,4 --rounds 5
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { randomCheckpoint } from '../src/checkpoint/random.ts';
import { architectureOf } from '../src/model/architecture.ts';
import { isConfigName, namedConfig } from '../src/model/config.ts';
import type { InferenceResult } from './inferenceCase.ts';
import { readBandwidth } from './readBandwidth.ts';
import { type Report, writeReport } from './report.ts';
import { median } from './statistics.ts';
import type { TrainingResult } from './trainingCase.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const run = promisify(execFile);

const options = new Command('npm run bench --')
  .option('--sizes <names>', 'named configurations to decode', '370M,1.3B')
  .option('--threads <counts>', 'numbers of threads', [...new Set([1, availableParallelism()])].join(','))
  .option('--rounds <count>', 'measurements of each case', '3')
  .option('--no-training', 'leave training out')
  .option('--out <path>', 'where to write the tables, without extension', 'results/cpu')
  .parse()
  .opts<{ sizes: string; threads: string; rounds: string; training: boolean; out: string }>();

const threadCounts = options.threads.split(',').map(Number);
const rounds = Number(options.rounds);
if (![...threadCounts, rounds].every((value) => Number.isInteger(value) && value > 0)) {
  throw new Error(
    `--threads and --rounds: found ${options.threads} and ${rounds}, expected positive integers`,
  );
}

async function child<T>(file: string, ...args: (string | number)[]): Promise<T> {
  const { stdout } = await run(process.execPath, [`${root}bench/${file}`, ...args.map(String)], {
    maxBuffer: 1e8,
  });
  return JSON.parse(stdout) as T;
}

/** A packed model with random weights, made once: its speed is that of a trained one. */
async function randomModel(size: string): Promise<string> {
  if (!isConfigName(size))
    throw new Error(`--sizes: found ${size}, expected a named configuration such as 370M`);
  const folder = `${root}build/bench/${size}`;
  if (!existsSync(folder)) {
    console.error(`making ${size} with random weights in ${folder}`);
    const config = namedConfig(size);
    await mkdir(`${root}build/bench`, { recursive: true });
    await randomCheckpoint(folder, config, architectureOf(config).parameters(), { seed: 1 });
  }
  return folder;
}

/** The median of each field over the rounds. */
function medians<T extends object>(results: readonly T[], fields: readonly (keyof T)[]): T {
  const middle = { ...results[0]! };
  for (const field of fields) {
    middle[field] = median(results.map((result) => result[field] as number)) as T[typeof field];
  }
  return middle;
}

async function inferenceRows(bandwidth: ReadonlyMap<number, number>): Promise<Report['inference'][number][]> {
  const rows: Report['inference'][number][] = [];
  for (const size of options.sizes.split(',')) {
    const folder = await randomModel(size);
    const found = new Map(threadCounts.map((threads) => [threads, [] as InferenceResult[]]));
    for (let round = 0; round < rounds; round++) {
      for (const threads of threadCounts) {
        console.error(`${size}, ${threads} thread(s), round ${round + 1} of ${rounds}`);
        found.get(threads)!.push(await child<InferenceResult>('inferenceCase.ts', folder, threads));
      }
    }
    const texts = new Set([...found.values()].flat().map(({ tokens }) => tokens.join(' ')));
    if (texts.size !== 1) throw new Error(`${size}: greedy tokens differ between runs or numbers of threads`);
    for (const [threads, results] of found) {
      const { tokens: _, ...middle } = medians(results, [
        'loadMilliseconds',
        'residentBytes',
        'decodeTokensPerSecond',
        'promptTokensPerSecond',
      ]);
      const share = (middle.decodeTokensPerSecond * middle.bytesPerToken) / bandwidth.get(threads)!;
      rows.push({ size, threads, ...middle, bandwidthShare: share });
    }
  }
  return rows;
}

async function trainingRows(): Promise<Report['training'][number][]> {
  const rows: Report['training'][number][] = [];
  for (const size of ['5M', '7M']) {
    for (const threads of threadCounts) {
      console.error(`training ${size}, ${threads} thread(s)`);
      const results: TrainingResult[] = [];
      for (let round = 0; round < rounds; round++)
        results.push(await child('trainingCase.ts', size, threads));
      rows.push({ size, threads, ...medians(results, ['tokensPerSecond', 'gigaflops']) });
    }
  }
  return rows;
}

const bandwidth = new Map<number, number>();
for (const threads of threadCounts) bandwidth.set(threads, await readBandwidth(threads));
const report: Report = {
  machine: { processor: cpus()[0]!.model.trim(), cores: availableParallelism(), node: process.versions.node },
  date: new Date().toISOString().slice(0, 10),
  rounds,
  bandwidth: [...bandwidth].map(([threads, bytesPerSecond]) => ({ threads, bytesPerSecond })),
  inference: await inferenceRows(bandwidth),
  training: options.training ? await trainingRows() : [],
};
await writeReport(`${root}${options.out}`, report, writeFile);
