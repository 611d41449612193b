import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { assemble } from '../src/accelerator/assembler.ts';
import { operations } from '../src/accelerator/instructionSet.ts';
import { illegalWords, randomProgram, randomTiming, xorshift } from '../src/accelerator/testing.ts';
import { type RtlSizes, rtlFolder } from './bench/bench.ts';
import { compareWithSimulator, type NamedJob } from './bench/compare.ts';
import { extremeProgram } from './bench/extremes.ts';
import { awkward, chip, inEverySlot, ordinary, trits } from './bench/machines.ts';
import { randomJob, shapes } from './bench/shapes.ts';
import { describeWithVerilator } from './bench/tools.ts';

const maxCycles = 100_000;

function randomJobs(sizes: RtlSizes, count: number): NamedJob[] {
  return Array.from({ length: count }, (_, i) => {
    const { words, memory, tokens } = randomProgram(i + 1, sizes, 40);
    const timing = randomTiming(i + 1, sizes.cores);
    return { name: `random program ${i + 1}`, program: words, memory, tokens, timing, maxCycles };
  });
}

function extremeJobs(sizes: RtlSizes, count: number): NamedJob[] {
  return Array.from({ length: count }, (_, i) => {
    const { words, memory, tokens } = extremeProgram(i + 1, sizes, 60);
    const timing = randomTiming(i + 1, sizes.cores);
    return { name: `extreme program ${i + 1}`, program: words, memory, tokens, timing, maxCycles };
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
    return { name: `broken program ${i + 1}`, program, memory, tokens, timing, maxCycles: 4000 };
  });
}

/** Programs that end in each fault, and those whose only word is illegal, on the machine `awkward`. */
const faults: Readonly<Record<number, readonly string[]>> = {
  1: ['nop', 'wst 3, 0, beats=1', ...illegalWords().map((word) => `.word ${word}`)],
  2: [
    ...[
      'mov v0, v0, len=0',
      'mov v0, v0, len=273',
      'qnt q1, v0, len=273',
      'ldv v0, 0, len=0',
      'sv v0, 0, len=300',
    ],
    ...['tmv q0, to=v0, rows=273, cols=16', 'tmv q0, rows=0, cols=16, arg', 'tmv q0, to=v0, rows=16, cols=0'],
    ...['tmv q0, rows=16, cols=273, arg', 'wst 2, 0, beats=0', 'tmv q0, rows=0, cols=0, arg'],
  ],
  3: [
    ...['ldv v0, 4096, len=1', 'ldh v0, 4095, len=33', 'sv v0, 4095, len=17', 'wst 1, 4095, beats=2'],
    ...['tin 0\nlde v0, 4090, len=32', 'tin 0\nlde v0, 0xfffffff, len=272', 'lde v0, 4096, len=1'],
  ],
  4: [
    'tmv q0, to=v0, rows=16, cols=16',
    'wst 0, 0, beats=3\ntmv q0, to=v0, rows=16, cols=64',
    // Core 2 has nothing for its block.
    'wst 0, 0, beats=1\nwst 1, 1, beats=1\ntmv q0, rows=40, cols=16, arg',
  ],
  5: [
    ...['jmp 1000', 'jmp 65535', 'tin next\nnext: tin 1000'],
    // A program as long as the ROM, without an end.
    'nop\n'.repeat(1000),
  ],
};

function faultJobs(texts: readonly string[]): NamedJob[] {
  const memory = new Uint8Array(64 * 64);
  return texts.map((text, i) => {
    const timing = randomTiming(i + 1, awkward.cores);
    return {
      name: text.slice(0, 60),
      program: assemble(text),
      memory,
      tokens: inEverySlot([6], awkward),
      timing,
      maxCycles: 4000,
    };
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

  it('on random programs, three cores with short queues, two slots', { timeout: 600_000 }, async () => {
    const jobs = randomJobs(awkward, 700);
    const { halts } = await compareWithSimulator(awkward, jobs);
    expect(halts).toEqual(new Map([[0, jobs.length]]));
  });

  it.each([
    { name: 'words of four elements', sizes: chip, count: 400 },
    { name: 'five trits a byte', sizes: trits, count: 200 },
  ])('on random programs, $name', { timeout: 600_000 }, async ({ sizes, count }) => {
    const jobs = [...randomJobs(sizes, count), ...extremeJobs(sizes, count / 4)];
    const { halts } = await compareWithSimulator(sizes, jobs);
    expect(halts).toEqual(new Map([[0, jobs.length]]));
  });

  // A share of the long campaign, with seeds that it does not reach. The other shapes differ from the machines above by less.
  it.each([
    { name: 'one core, vectors of full length', programs: 10 },
    { name: '32 cores', programs: 20 },
    { name: 'three cores, 16 slots', programs: 8 },
  ])('on random programs, $name', { timeout: 1_200_000 }, async ({ name, programs }) => {
    const shape = shapes.find((one) => one.name === name)!;
    const jobs = Array.from({ length: programs }, (_, i) => {
      const seed = 1_000_001 + i;
      return { name: `random program ${seed}`, ...randomJob(shape, seed) };
    });
    const { halts, instructions } = await compareWithSimulator(shape.sizes, jobs);
    expect(halts).toEqual(new Map([[0, jobs.length]]));
    expect(instructions).toBeGreaterThan(programs * 60);
  });

  it('on values at the edges of their ranges', { timeout: 600_000 }, async () => {
    const jobs = extremeJobs(ordinary, 500);
    const { halts } = await compareWithSimulator(ordinary, jobs);
    expect(halts).toEqual(new Map([[0, jobs.length]]));
  });

  it.each([1, 2, 3, 4, 5])('on everything that ends in fault %i', { timeout: 600_000 }, async (code) => {
    const texts = faults[code]!;
    const { halts } = await compareWithSimulator(awkward, faultJobs(texts));
    expect(halts).toEqual(new Map([[code, texts.length]]));
  });

  it('on programs with flipped bits, which halt with all fault codes but the last', {
    timeout: 600_000,
  }, async () => {
    const { halts } = await compareWithSimulator(awkward, brokenJobs(awkward, 1500));
    for (const code of [0, 1, 2, 3, 4]) expect(halts.get(code), `fault ${code}`).toBeGreaterThan(5);
  });
});

describeWithVerilator('npx node rtl/run.ts', () => {
  it.each([
    [['a.s', '--speed', '3'], /^Unknown option '--speed'/],
    [[], /^found 0 programs, expected one\nUsage: /],
    [['a.s', '--cores', 'many'], /^--cores: found many, expected an integer from 1 to 32\n$/],
    [['a.s', '--tokens', '1,x'], /^--tokens: found 1,x, expected token ids/],
    [['nowhere.s'], /^nowhere\.s: cannot be read/],
  ])('refuses %j without a stack trace', (args, message) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(rtlFolder, 'run.ts'), ...args], {
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('runs a program on both, writes its trace and its waveforms', { timeout: 600_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'plusminus-run-'));
    try {
      const at = (name: string) => join(folder, name);
      await writeFile(at('a.s'), 'tin done\nmov v1, v0, len=40, ss=s1\nsrsq s2, s1\ndone: halt\n');
      const args = [join(rtlFolder, 'run.ts'), at('a.s'), '--waves', at('a.vcd'), '--trace', at('a.txt')];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      expect(status, stderr).toBe(0);
      expect(stdout).toContain('the simulator agrees in every event');
      expect(await readFile(at('a.txt'), 'utf8')).toMatch(/^I 2 0\n[\s\S]*\nH \d+ 0 3\n$/);
      const waves = await readFile(at('a.vcd'), 'utf8');
      expect(waves).toContain(' halted_o ');
      expect(waves).toContain('$scope module u_row');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
