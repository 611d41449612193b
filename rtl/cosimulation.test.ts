import { expect, it } from 'vitest';
import { operations } from '../src/accelerator/instructionSet.ts';
import { randomProgram, randomTiming, xorshift } from '../src/accelerator/testing.ts';
import type { RtlSizes } from './bench/bench.ts';
import { compareWithSimulator, type NamedJob } from './bench/compare.ts';
import { extremeProgram } from './bench/extremes.ts';
import { awkward, ordinary } from './bench/machines.ts';
import { describeWithVerilator } from './bench/tools.ts';

const mostCycles = 100_000;

function randomJobs(sizes: RtlSizes, count: number): NamedJob[] {
  return Array.from({ length: count }, (_, i) => {
    const { words, memory, tokens } = randomProgram(i + 1, sizes, 40);
    const timing = randomTiming(i + 1, sizes.cores);
    return { name: `random program ${i + 1}`, program: words, memory, tokens, timing, mostCycles };
  });
}

function extremeJobs(sizes: RtlSizes, count: number): NamedJob[] {
  return Array.from({ length: count }, (_, i) => {
    const { words, memory, tokens } = extremeProgram(i + 1, sizes, 60);
    const timing = randomTiming(i + 1, sizes.cores);
    return { name: `extreme program ${i + 1}`, program: words, memory, tokens, timing, mostCycles };
  });
}

/** Random programs in which bits were flipped: illegal encodings, lengths and addresses out of range, underruns. */
function brokenJobs(sizes: RtlSizes, count: number): NamedJob[] {
  return Array.from({ length: count }, (_, i) => {
    const below = xorshift(i + 77);
    const { words, memory, tokens } = randomProgram(i + 1, sizes, 12);
    const program = words.map((word) => {
      if (below(8)) return word;
      const flipped = word ^ (1n << BigInt(below(64)));
      return below(2) ? flipped : flipped ^ (1n << BigInt(below(64)));
    });
    const timing = randomTiming(i + 1, sizes.cores);
    return { name: `broken program ${i + 1}`, program, memory, tokens, timing, mostCycles: 4000 };
  });
}

describeWithVerilator('the RTL agrees with the simulator, bit for bit and cycle for cycle', () => {
  it('on random programs, one core', { timeout: 600_000 }, async () => {
    const jobs = randomJobs(ordinary, 1000);
    const { halts, instructions } = await compareWithSimulator(ordinary, jobs);
    expect(halts).toEqual(new Map([[0, jobs.length]]));
    expect(instructions).toBeGreaterThan(jobs.length * 40);
    const used = new Set(jobs.flatMap(({ program }) => program.map((word) => Number(word >> 58n))));
    expect(operations.filter(({ opcode }) => !used.has(opcode))).toEqual([]);
  });

  it('on random programs, three cores with short queues', { timeout: 600_000 }, async () => {
    const jobs = randomJobs(awkward, 700);
    const { halts } = await compareWithSimulator(awkward, jobs);
    expect(halts).toEqual(new Map([[0, jobs.length]]));
  });

  it('on values at the edges of their ranges', { timeout: 600_000 }, async () => {
    const jobs = extremeJobs(ordinary, 500);
    const { halts } = await compareWithSimulator(ordinary, jobs);
    expect(halts).toEqual(new Map([[0, jobs.length]]));
  });

  it('on programs with flipped bits, which halt with every fault code', { timeout: 600_000 }, async () => {
    const { halts } = await compareWithSimulator(awkward, brokenJobs(awkward, 1500));
    for (const code of [0, 1, 2, 3, 4]) expect(halts.get(code), `fault ${code}`).toBeGreaterThan(5);
  });
});
