/** Builds the Verilated cluster and runs programs on it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { MachineSizes, MemoryTiming } from '../../src/accelerator/parameters.ts';
import type { TraceEvent } from '../../src/accelerator/trace.ts';
import { pythonWithLitedram } from './litedram.ts';
import { withLock } from './lock.ts';

/** Where the sources lie; tools run here, so that `$readmemh` finds `generated/`. */
export const rtlFolder = fileURLToPath(new URL('..', import.meta.url));
const buildFolder = fileURLToPath(new URL('../../build/rtl', import.meta.url));

/** Sources of the cluster, packages first. */
export function rtlSources(): string[] {
  const modules = readdirSync(rtlFolder).filter((name) => /^pm_.*\.sv$/.test(name) && name !== 'pm_pkg.sv');
  return ['pm_pkg.sv', 'generated/pm_isa.sv', ...modules.sort()];
}

export interface RtlSizes extends MachineSizes {
  /** Beats of memory. */
  readonly memoryBeats: number;
}

/** One program on a machine just switched on. */
export interface RtlJob {
  readonly timing: MemoryTiming;
  readonly program: readonly bigint[];
  readonly memory: Uint8Array;
  /** For each step a token for each slot; −1: the slot is inactive. */
  readonly tokens: readonly number[];
  /** Then what comes out is fed back, until there are so many tokens. */
  readonly generate?: number;
  readonly maxCycles: number;
  /** Resets the cluster, but not memory, in a cycle and for a number of cycles; then the run begins again. */
  readonly reset?: { readonly at: number; readonly cycles: number };
  /** Where to write waveforms, if the bench was built for them, and from which cycle on. */
  readonly waves?: string;
  readonly wavesFrom?: number;
}

export interface RtlResult {
  readonly events: TraceEvent[];
  /** Of the memory that the job brought, after the run: 32-bit words, by the trace's checksum. */
  readonly memoryChecksum: number;
  readonly cycles: number;
}

/** The parameters of the RTL for given sizes. */
function rtlParameters(sizes: RtlSizes): Readonly<Record<string, number>> {
  const { cores, maxLength, fifo, outQueue, rom, memoryBeats, batch, lanes, rowLanes, columns } = sizes;
  return {
    CORES: cores,
    VLMAX: maxLength,
    FIFO: fifo,
    OUTQ: outQueue,
    ROM: rom,
    MEM_BEATS: memoryBeats,
    BATCH: batch,
    LANES: lanes,
    ROW_LANES: rowLanes,
    COLUMNS: columns,
  };
}

/**
 * Verilates and compiles the cluster with a watcher that writes its trace; what is there and newer than the sources is
 * kept.
 * @param waves for writing waveforms, which makes it slower
 */
export function buildBench(sizes: RtlSizes, { waves = false } = {}): string {
  return build('pm_bench', ['bench/pm_bench.sv'], 'main.cpp', rtlParameters(sizes), {
    ...{ lanes: sizes.lanes, waves },
  });
}

/** Tops with the host's registers, and the harness of each. */
const tops = {
  ...{ pm_accelerator: 'host.cpp', pm_on_chip: 'onChip.cpp', pm_axi: 'axi.cpp' },
  ...{ pm_ulx3s: 'uart.cpp', pm_ddr3: 'ddr3.cpp' },
} as const;
export type Top = keyof typeof tops;

/** The same of the accelerator with its host port. */
export function buildAccelerator(sizes: RtlSizes, top: Top): string {
  const sources = top === 'pm_ddr3' ? ['bench/pm_ddr3.sv', litedramSource()] : [];
  return build(top, sources, tops[top], parametersOf(top, sizes), { lanes: sizes.lanes });
}

/** Tops of one board, or of one bus, have fewer parameters. */
function parametersOf(top: Top, sizes: RtlSizes): Readonly<Record<string, number>> {
  const all = rtlParameters(sizes);
  const { LANES, ...others } = all;
  if (top === 'pm_axi' || top === 'pm_ddr3') return others;
  if (top !== 'pm_ulx3s') return all;
  const { CORES, FIFO, OUTQ, BATCH, COLUMNS, ...ofBoard } = all;
  return { ...ofBoard, DIVIDER: 4 };
}

/** Has LiteDRAM write its controller, once. @returns where, seen from `rtlFolder` */
function litedramSource(): string {
  const [script, file] = ['bench/ddr3.py', '../build/rtl/litedram.v'];
  const written = statSync(join(rtlFolder, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (written > statSync(join(rtlFolder, script)).mtimeMs) return file;
  mkdirSync(buildFolder, { recursive: true });
  run(pythonWithLitedram, [script, file]);
  return file;
}

const headers = ['axiHost.h', 'axiMemory.h', 'banks.h', 'commands.h', 'host.h', 'memory.h', 'ports.h'];

function build(
  top: string,
  more: readonly string[],
  main: string,
  values: Readonly<Record<string, number>>,
  { lanes, waves = false }: { readonly lanes: number; readonly waves?: boolean },
): string {
  const parameters = Object.entries(values);
  const name = [top, ...parameters.map(([, value]) => value), ...(waves ? ['waves'] : [])].join('-');
  const folder = join(buildFolder, name);
  const binary = join(folder, `V${top}`);
  const harness = [main, 'shared.vlt', ...headers].map((file) => `bench/${file}`);
  const sources = [...rtlSources(), ...more];
  const changed = Math.max(
    ...[...sources, ...harness].map((file) => statSync(join(rtlFolder, file)).mtimeMs),
  );
  return withLock(`${folder}.lock`, () => {
    if ((statSync(binary, { throwIfNoEntry: false })?.mtimeMs ?? 0) > changed) return binary;
    mkdirSync(folder, { recursive: true });
    run('verilator', [
      ...['--cc', '--exe', '--build', '-j', '2', '--top-module', top, '--Mdir', folder],
      // One file of C++: with one for each module, reading Verilator's headers over and over took two thirds of the time.
      ...['-O3', '--assert', '--x-initial', '0', '--x-assign', '0', '--output-split', '0', '-Wno-WIDTH'],
      ...(waves ? ['--trace', '--trace-structs'] : []),
      ...['-CFLAGS', `-std=c++17 -DPM_LANES=${lanes} -I${join(rtlFolder, 'bench')}`],
      // Generated code is run for a minute or two: compiling it for longer than that would not pay.
      ...['-MAKEFLAGS', 'OPT_FAST=-O1', '-MAKEFLAGS', 'OPT_SLOW=-O0', '-MAKEFLAGS', 'OPT_GLOBAL=-O0'],
      ...parameters.map(([parameter, value]) => `-G${parameter}=${value}`),
      ...['lint.vlt', 'bench/shared.vlt', ...sources, join(rtlFolder, 'bench', main)],
    ]);
    return binary;
  });
}

function run(command: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: rtlFolder, encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} failed:\n${stdout}\n${stderr}`);
}

/** Runs jobs one after another in one process, and hands over each result as it comes. */
export async function runBench(
  binary: string,
  jobs: readonly RtlJob[],
  onResult: (result: RtlResult, index: number) => void,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'plusminus-rtl-'));
  try {
    const images = join(folder, 'dram.bin');
    writeFileSync(images, Buffer.concat(jobs.map(({ memory }) => memory)));
    let offset = 0;
    const commands = jobs.map((job) => {
      const lines = commandsOf(job, images, offset);
      offset += job.memory.length;
      return lines;
    });
    let index = 0;
    await feed(
      binary,
      commands.join(''),
      resultReader((result) => onResult(result, index++)),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** How the benches are told about memory; `Timing` of memory.h reads it. */
export function timingCommand(timing: MemoryTiming): string {
  if (timing.kind === 'slots') {
    const { latency, ports, numerator, denominator, refreshInterval, refreshCycles, jitter = 0 } = timing;
    const numbers = [latency, ports, numerator, denominator, refreshInterval, refreshCycles, jitter];
    return `timing slots ${numbers.join(' ')}`;
  }
  const { channels, queue, ports, ticksNumerator, ticksDenominator, latency } = timing;
  const numbers = [channels, queue, ports, ticksNumerator, ticksDenominator, latency];
  return `timing banks ${[...numbers, timing.refreshInterval, timing.refreshTicks].join(' ')}`;
}

function commandsOf(job: RtlJob, images: string, offset: number): string {
  return [
    timingCommand(job.timing),
    `program ${job.program.map((word) => word.toString(16)).join(' ')}`,
    `dram ${images} ${offset} ${job.memory.length}`,
    `tokens ${job.tokens.join(' ')}`,
    ...(job.generate ? [`generate ${job.generate}`] : []),
    ...(job.reset ? [`reset ${job.reset.at} ${job.reset.cycles}`] : []),
    ...(job.waves ? [`waves ${job.waves} ${job.wavesFrom ?? 0}`] : []),
    `run ${job.maxCycles}\n`,
  ].join('\n');
}

/** Gives a bench its commands, and `onLine` each line that it writes. */
async function feed(binary: string, input: string, onLine: (line: string) => void): Promise<void> {
  const child = spawn(binary, { cwd: rtlFolder, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {}); // a bench that ends early says why by its exit code
  child.stdin.end(input);
  const read = async () => {
    for await (const line of createInterface({ input: child.stdout })) onLine(line);
  };
  try {
    const [[code], errors] = await Promise.all([once(child, 'close'), text(child.stderr), read()]);
    if (code !== 0) throw new Error(`the Verilated cluster ended with ${code}: ${errors}`);
  } finally {
    child.kill();
  }
}

/** Collects the lines of a job, and hands over its result with the last of them. */
function resultReader(onResult: (result: RtlResult) => void): (line: string) => void {
  let events: TraceEvent[] = [];
  let memoryChecksum = 0;
  return (line) => {
    const [kind, first, second, third] = line.split(' ');
    const cycle = Number(first);
    if (kind === 'I') events.push({ kind, cycle, pc: Number(second) });
    if (kind === 'R') events.push({ kind, cycle, pc: Number(second), checksum: Number.parseInt(third!, 16) });
    if (kind === 'O') events.push({ kind, cycle, token: Number(second) });
    if (kind === 'H') events.push({ kind, cycle, code: Number(second), pc: Number(third) });
    if (kind === 'X') events = [];
    if (kind === 'M') memoryChecksum = Number.parseInt(first!, 16);
    if (kind === 'E') {
      onResult({ events, memoryChecksum, cycles: cycle });
      events = [];
    }
  };
}
