/** Sizes of one accelerator, and the timing of its memory. */
import { InputError } from '../errors.ts';

/** Elements of a word, columns and rows of a core's array: 512 bits of 32-bit elements. */
export const lanes = 16;
/** Bytes of a beat: 512 bits, one DDR4 burst of eight on a 64-bit channel. */
export const beatBytes = 64;
export const vectorRegisters = 8;
export const banks = 2;
export const scalarRegisters = 16;

/** What is built: parameters of the RTL. */
export interface MachineSizes {
  /** Ternary cores, 1 to 32. */
  readonly cores: number;
  /** Elements of a vector register: a multiple of 16, 32 to 8192. */
  readonly maxLength: number;
  /** Beats of weights that wait in front of each core. */
  readonly fifo: number;
  /** Blocks of 16 results that a core may have on the way. */
  readonly outQueue: number;
  /** Instructions of the ROM. */
  readonly rom: number;
}

export const defaultSizes: MachineSizes = { cores: 1, maxLength: 8192, fifo: 256, outQueue: 8, rom: 4096 };

/** Memory as the cluster sees it, in cycles of its clock; docs/accelerator.md has the formulas. */
export interface MemoryTiming {
  /** From a read's grant to its response. */
  readonly latency: number;
  /** Requests are taken through this many ports of 512 bits. */
  readonly ports: number;
  /** Sustained beats a cycle: numerator / denominator. */
  readonly numerator: number;
  readonly denominator: number;
  readonly refreshInterval: number;
  /** Cycles at the start of each interval in which nothing is taken. */
  readonly refreshCycles: number;
  /** Responses come up to this many cycles later than `latency` says; 0 by default. */
  readonly jitter?: number;
}

/** DDR4-2400: 64 bits at 2.4 GT/s. */
const channelBytesPerSecond = 19.2e9;
/** What row misses leave of a channel's peak when several streams are read in long runs. */
const rowEfficiency = 0.92;
const readSeconds = 150e-9;
/** Crossing clock domains and the memory controller's queue, in core cycles. */
const readCycles = 3;
const refreshIntervalSeconds = 7.8e-6;
const refreshSeconds = 350e-9;

/** DDR4-2400 channels behind one 512-bit port for each core. */
export function ddr4(clockHz: number, channels: number, cores: number): MemoryTiming {
  const denominator = 64;
  const beatsPerCycle = (channels * channelBytesPerSecond * rowEfficiency) / (beatBytes * clockHz);
  return {
    latency: Math.ceil(readSeconds * clockHz) + readCycles,
    ports: cores,
    numerator: Math.max(1, Math.floor(beatsPerCycle * denominator)),
    denominator,
    refreshInterval: Math.round(refreshIntervalSeconds * clockHz),
    refreshCycles: Math.ceil(refreshSeconds * clockHz),
  };
}

/** Requests that memory takes in cycle t. */
export function slots(timing: MemoryTiming, t: number): number {
  if (t % timing.refreshInterval < timing.refreshCycles) return 0;
  const { numerator, denominator } = timing;
  const budget = Math.floor(((t + 1) * numerator) / denominator) - Math.floor((t * numerator) / denominator);
  return Math.min(timing.ports, budget);
}

/** @throws InputError for sizes that cannot be built */
export function checkSizes(sizes: MachineSizes): void {
  const check = (name: string, value: number, expected: string, holds: boolean) => {
    if (!holds) throw new InputError(`accelerator ${name}: found ${value}, expected ${expected}`);
  };
  const { cores, maxLength, fifo, outQueue, rom } = sizes;
  const within = (value: number, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most;
  check('cores', cores, '1 to 32', within(cores, 1, 32));
  check(
    'maxLength',
    maxLength,
    'a multiple of 16, 32 to 8192',
    within(maxLength, 32, 8192) && maxLength % 16 === 0,
  );
  check(
    'fifo',
    fifo,
    'a power of two, 2 to 65536',
    within(fifo, 2, 65536) && Number.isInteger(Math.log2(fifo)),
  );
  check('outQueue', outQueue, '1 to 64', within(outQueue, 1, 64));
  check('rom', rom, '1 to 65536', within(rom, 1, 65536));
}
