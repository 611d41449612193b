/**
 * Training on the CPU with each variant of the native kernels that the machine has, and without: a process each, in turns.
 *
 *   npx node bench/training.ts --size 7M --threads 2       writes results/training.json
 *   taskset -c 0,2 npx node bench/training.ts              on two cores, if 0 and 1 are threads of one
 */
import './begin.ts';
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { Command } from 'commander';
import { nativeVariants } from '../src/platform/nativeLibrary.ts';
import { childWith } from './child.ts';
import { outputPath } from './outputPath.ts';
import { countsOf } from './randomModel.ts';
import type { TrainingResult } from './trainingCase.ts';

const options = new Command('npx node bench/training.ts')
  .option('--size <name>', 'the case of bench/trainingCase.ts', '7M')
  .option('--threads <count>', 'worker threads', '2')
  .option('--rounds <count>', 'processes of each variant', '3')
  .option('--variants <names>', 'native variants, separated by commas; off: WebAssembly (default: all)')
  .option('--out <path>', 'where to write the figures, without extension (default: results/training)')
  .parse()
  .opts<Record<'size' | 'threads' | 'rounds', string> & { variants?: string; out?: string }>();

const [threads = 2] = countsOf('--threads', options.threads);
const [rounds = 3] = countsOf('--rounds', options.rounds);
const out = await outputPath(options.out, 'training');
const loadBefore = loadavg()[0]!;
const all = ['off', ...nativeVariants().map(({ variant }) => variant)].reverse();
const variants = options.variants?.split(',') ?? all;

const found = variants.map(() => [] as TrainingResult[]);
for (let round = 0; round < rounds; round++) {
  for (const [index, variant] of variants.entries()) {
    const env = { PLUSMINUS_NATIVE: variant };
    const result = await childWith<TrainingResult>({ env }, 'trainingCase.ts', options.size, threads);
    found[index]!.push(result);
    console.error(`${result.description}: ${result.tokensPerSecond.toFixed(0)} tokens/s`);
  }
}
/** The run with the middle rate; of all of them the rates. */
const rows = found.map((results) => {
  const sorted = results.toSorted((a, b) => a.tokensPerSecond - b.tokensPerSecond);
  return { ...sorted[sorted.length >> 1]!, rates: sorted.map(({ tokensPerSecond }) => tokensPerSecond) };
});
const machine = { processor: cpus()[0]!.model.trim(), cores: availableParallelism(), loadBefore };
const report = { machine, date: new Date().toISOString().slice(0, 10), threads, rows };
await writeFile(`${out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
