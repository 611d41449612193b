/**
 * What `import 'plusminus'` costs a program: time and memory, each in a process of its own, of the package as it is published.
 *
 *   npm run build:package && npx node bench/import.ts
 */
import './begin.ts';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { InputError } from '../src/errors.ts';
import { outputPath } from './outputPath.ts';
import { median } from './statistics.ts';

const flags = new Command('npx node bench/import.ts')
  .option('--rounds <n>', 'imports, each in a new process', Number, 15)
  .option('--out <path>', 'where to write the numbers, without extension (default: results/import)')
  .parse()
  .opts<{ rounds: number; out?: string }>();

interface Cost {
  /** Milliseconds of wall time, and of the processor on all threads. */
  readonly wall: number;
  readonly processor: number;
  /** Growth of the resident set, in MB. */
  readonly memory: number;
}

const library = new URL('../lib/index.js', import.meta.url);
if (!existsSync(library)) throw new InputError('lib/ is missing; run "npm run build:package"');
const program = `
  const [start, used, held] = [performance.now(), process.cpuUsage(), process.memoryUsage.rss()];
  await import(${JSON.stringify(library.href)});
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(used);
  const memory = (process.memoryUsage.rss() - held) / 1e6;
  console.log(JSON.stringify({ wall, processor: (user + system) / 1e3, memory }));`;

async function measure(): Promise<Cost> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  return JSON.parse(stdout) as Cost;
}

const out = await outputPath(flags.out, 'import');
await measure(); // reads the files from the disk
const rounds: Cost[] = [];
for (let round = 0; round < flags.rounds; round++) rounds.push(await measure());
const middle = (of: (cost: Cost) => number) => Math.round(10 * median(rounds.map(of))) / 10;
const report = {
  machine: {
    processor: cpus()[0]!.model,
    cores: availableParallelism(),
    node: process.versions.node,
  },
  date: new Date().toISOString().slice(0, 10),
  rounds: rounds.length,
  wallMilliseconds: middle(({ wall }) => wall),
  processorMilliseconds: middle(({ processor }) => processor),
  megabytes: middle(({ memory }) => memory),
};
await writeFile(`${out}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
console.log(report);
