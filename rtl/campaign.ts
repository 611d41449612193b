/**
 * The long co-simulation: random programs on machines of many shapes, RTL against simulator. `npx node rtl/campaign.ts` takes
 * some minutes, ends with 1 at the first difference, and writes results/rtl-cosimulation.json otherwise.
 * `--instructions N` (default: 100000) and `--seed N` (default: 1) choose what is run.
 */
import fs from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { randomProgram, randomTiming } from '../src/accelerator/testing.ts';
import { traceText } from '../src/accelerator/trace.ts';
import { InputError } from '../src/errors.ts';
import { buildBench, type RtlJob, type RtlSizes, runBench } from './bench/bench.ts';
import { simulate } from './bench/simulated.ts';

/** Shapes, and the longest vectors of their programs. */
const shapes: readonly { readonly sizes: Omit<RtlSizes, 'rom'>; readonly longest: number }[] = [
  shape([1, 8192, 256, 8, 1], 512),
  shape([2, 1024, 64, 4, 4], 512),
  shape([5, 32, 4, 1, 1], 32),
  shape([32, 128, 2, 1, 1], 128),
  shape([3, 512, 16, 3, 16], 128),
];

function shape([cores, maxLength, fifo, outQueue, batch]: readonly number[], longest: number) {
  const sizes = { cores, maxLength, fifo, outQueue, batch, memoryBeats: 2 ** 21 };
  return { sizes: sizes as Omit<RtlSizes, 'rom'>, longest };
}

const results = new URL('../results/rtl-cosimulation.json', import.meta.url);
/** Instructions of a program, a few times around its loop. */
const length = 60;

function count(value: string, name: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0) return number;
  throw new InputError(`--${name}: found ${value}, expected a positive integer`);
}

async function runShape(sizes: RtlSizes, longest: number, seed: number, instructions: number) {
  const binary = buildBench(sizes);
  let [done, cycles, programs] = [0, 0, 0];
  while (done < instructions) {
    const jobs = Array.from({ length: 20 }, (_, i) => jobOf(sizes, longest, seed + programs + i));
    await runBench(binary, jobs, (result, i) => {
      const expected = simulate(sizes, jobs[i]!);
      const same = traceText(result.events) === expected.trace;
      if (!same || result.memoryChecksum !== expected.memoryChecksum) {
        throw new InputError(`seed ${seed + programs + i} differs on ${JSON.stringify(sizes)}`);
      }
      done += result.events.filter(({ kind }) => kind === 'I').length;
      cycles += result.cycles;
    });
    programs += jobs.length;
  }
  return { sizes, longest, programs, instructions: done, cycles };
}

function jobOf(sizes: RtlSizes, longest: number, seed: number): RtlJob {
  const { words, memory, tokens } = randomProgram(seed, sizes, length, longest);
  return { program: words, memory, tokens, timing: randomTiming(seed, sizes.cores), maxCycles: 10_000_000 };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      instructions: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [instructions, seed] = [count(values.instructions, 'instructions'), count(values.seed, 'seed')];
  const machines = [];
  for (const { sizes, longest } of shapes) {
    const each = Math.ceil(instructions / shapes.length);
    machines.push(await runShape({ ...sizes, rom: 1000 }, longest, seed, each));
    process.stderr.write(`${JSON.stringify(machines.at(-1))}\n`);
  }
  const total = machines.reduce((sum, machine) => sum + machine.instructions, 0);
  await fs.writeFile(
    results,
    `${JSON.stringify({ seed, instructions: total, differences: 0, machines }, null, 2)}\n`,
  );
  process.stdout.write(`${total} instructions, no difference\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
