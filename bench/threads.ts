/**
 * Where the time of decoding and of prompts goes as threads are added: what a phase costs that does nothing, how much of
 * a token runs on one thread, and how a busy core, or another process that decodes, slows it.
 *
 *   npx node bench/threads.ts --sizes 370M,1.3B --threads 1,2,4,8,16      writes results/threads.json
 *   npx node bench/threads.ts --busy 1                                    with so many processes that compute beside it
 *   npx node bench/threads.ts --prompts                                   reads prompts of 512 tokens, too
 */
import './begin.ts';
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { Command } from 'commander';
import { fuseVectors } from '../src/platform/fusing.ts';
import { outputPath } from './outputPath.ts';
import { countsOf, randomModel, sizesOf } from './randomModel.ts';
import { emptyPhaseMicroseconds, measureThreads } from './threadsCase.ts';

const options = new Command('npx node bench/threads.ts')
  .option('--sizes <names>', 'named configurations to decode', '370M')
  .option('--threads <counts>', 'numbers of threads', [...new Set([1, 2, availableParallelism()])].join(','))
  .option('--rounds <count>', 'measurements of each case', '3')
  .option('--busy <count>', 'processes that keep a core busy meanwhile', Number, 0)
  .option('--prompts', 'read prompts, too')
  .option('--unfused', 'do not let V8 fuse vectors of WebAssembly, which commands do')
  .option('--out <path>', 'where to write the figures, without extension (default: results/threads)')
  .parse()
  .opts<{
    sizes: string;
    threads: string;
    rounds: string;
    busy: number;
    prompts?: boolean;
    unfused?: boolean;
    out?: string;
  }>();

if (!options.unfused) fuseVectors();
const sizes = sizesOf(options.sizes);
const threadCounts = countsOf('--threads', options.threads);
const [rounds = 1] = countsOf('--rounds', options.rounds);
const out = await outputPath(options.out, 'threads');
const busy: ChildProcess[] = Array.from({ length: options.busy }, () =>
  spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
);

const phases: { threads: number; microseconds: number }[] = [];
const rows: (Awaited<ReturnType<typeof measureThreads>> & { size: string; round: number })[] = [];
const loadBefore = loadavg()[0]!;
try {
  for (const threads of threadCounts) {
    phases.push({ threads, microseconds: await emptyPhaseMicroseconds(threads) });
    console.error(`${threads} thread(s): ${phases.at(-1)!.microseconds.toFixed(2)} µs for an empty phase`);
  }
  for (const size of sizes) {
    const folder = await randomModel(size);
    for (let round = 1; round <= rounds; round++) {
      for (const threads of threadCounts) {
        const row = { size, round, ...(await measureThreads(folder, threads, options.prompts === true)) };
        rows.push(row);
        console.error(JSON.stringify(row));
      }
    }
  }
} finally {
  for (const process of busy) process.kill();
}
if (new Set(rows.map(({ size, token }) => `${size} ${token}`)).size !== sizes.length)
  throw new Error('greedy tokens differ between numbers of threads');
const machine = { processor: cpus()[0]!.model.trim(), cores: availableParallelism(), loadBefore };
const report = { machine, date: new Date().toISOString().slice(0, 10), busy: options.busy, phases, rows };
await writeFile(`${out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
