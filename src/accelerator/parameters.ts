/** Sizes of one accelerator, and the timing of its memory. */
import { InputError } from '../errors.ts';

/** Bytes of a DDR4 burst of eight on a 64-bit channel: a beat of the default machine. */
export const burstBytes = 64;
export const vectorRegisters = 8;
export const banks = 2;
export const scalarRegisters = 16;

/** Parameters with which the RTL is built. */
export interface MachineSizes {
  /** Ternary cores, 1 to 32. */
  readonly cores: number;
  /** Elements of a vector register: a multiple of 16, 32 to 512 for each lane. */
  readonly maxLength: number;
  /** Beats of weights that wait in front of each core. */
  readonly fifo: number;
  /** Blocks of results that a core may have on the way. */
  readonly outQueue: number;
  /** Instructions of the ROM. */
  readonly rom: number;
  /** Slots: sequences that share one reading of the weights, 1 to 32. */
  readonly batch: number;
  /** Elements of a word of a vector register and of a beat of memory, and rows of a core: 4, 8 or 16. */
  readonly lanes: number;
  /** Lanes of a row-wise unit, a power of two up to `lanes`: a word takes lanes / rowLanes cycles. */
  readonly rowLanes: number;
  /** Columns of a core, whose weights share 32 bits: 16 of two bits each, or 20, five trits a byte. */
  readonly columns: number;
}

/** Bytes of a beat of memory. */
export function bytesOfBeat({ lanes }: Pick<MachineSizes, 'lanes'>): number {
  return 4 * lanes;
}

/** The machine that is compiled for unless sizes are given. */
export const defaultSizes: MachineSizes = {
  cores: 1,
  maxLength: 8192,
  fifo: 256,
  outQueue: 8,
  rom: 4096,
  batch: 1,
  lanes: 16,
  rowLanes: 16,
  columns: 16,
};

/** DRAM as the cluster sees it, in cycles of its clock. */
export type MemoryTiming = SlotTiming | BankTiming;

/** A fixed rate and a fixed latency; docs/accelerator.md has the formulas. */
export interface SlotTiming {
  readonly kind: 'slots';
  /** Cycles from a read's grant to its response. */
  readonly latency: number;
  /** Maximum number of requests taken in a cycle. */
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

/** Channels of DDR4 with banks, rows and queues; bankMemory.ts. */
export interface BankTiming {
  readonly kind: 'banks';
  readonly channels: number;
  /** Requests that wait in the controllers, for each channel. */
  readonly queue: number;
  /** Maximum number of requests taken in a cycle. */
  readonly ports: number;
  /** Clocks of the DRAM in a cycle of the cluster: numerator / denominator. */
  readonly ticksNumerator: number;
  readonly ticksDenominator: number;
  /** Cycles from a read's data to its response: clock domain crossing and the controller's pipeline. */
  readonly latency: number;
  /** Ticks between two refreshes of a channel, and how long one takes. */
  readonly refreshInterval: number;
  readonly refreshTicks: number;
}

/** DDR4-2400 (JESD79-4, 17-17-17, x8): intervals between commands in clocks of 1200 MHz. */
export const ddr4Ticks = {
  /** Between column commands, to different bank groups and to the same one. */
  burst: 4,
  burstInGroup: 6,
  readLatency: 17,
  activateToColumn: 17,
  precharge: 17,
  activateToPrecharge: 39,
  activateToActivate: 6,
  fourActivates: 26,
  readToPrecharge: 9,
  /** From a write command: write latency 12, burst 4, recovery 18. */
  writeRecovery: 34,
  /** Additional to `burst`. */
  readToWrite: 7,
  writeToRead: 21,
} as const;

const ticksPerSecond = 1200e6;
/** 64 bits at 2.4 GT/s. */
const channelBytesPerSecond = 19.2e9;
/** Crossing clock domains and the controller's pipeline. */
const controllerSeconds = 60e-9;
const controllerCycles = 3;
const queueEntries = 32;
const refreshIntervalTicks = 9360;
const refreshTicks = 420;

/** Peak of DDR4-2400 channels in beats a cycle. */
export function peakBeats(clockHz: number, channels: number): number {
  return (channels * channelBytesPerSecond) / (burstBytes * clockHz);
}

/** DDR4-2400 channels behind one 512-bit port for each core. */
export function ddr4(clockHz: number, channels: number, cores: number): BankTiming {
  const divisor = greatestDivisor(ticksPerSecond, Math.round(clockHz));
  return {
    ...{ kind: 'banks', channels, queue: queueEntries, ports: cores },
    ticksNumerator: ticksPerSecond / divisor,
    ticksDenominator: Math.round(clockHz) / divisor,
    latency: Math.ceil(controllerSeconds * clockHz) + controllerCycles,
    ...{ refreshInterval: refreshIntervalTicks, refreshTicks },
  };
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

/** Cycles from a read's grant to its response where no other request is waiting. */
export function readLatency(timing: MemoryTiming): number {
  if (timing.kind === 'slots') return timing.latency;
  const { activateToColumn, readLatency, burst } = ddr4Ticks;
  const ticks = activateToColumn + readLatency + burst;
  return 1 + timing.latency + Math.ceil((ticks * timing.ticksDenominator) / timing.ticksNumerator);
}

/** Requests that memory takes in cycle t. */
export function slots(timing: SlotTiming, t: number): number {
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
  const { cores, maxLength, fifo, outQueue, rom, batch, lanes, rowLanes, columns } = sizes;
  const within = (value: number, min: number, max: number) =>
    Number.isInteger(value) && value >= min && value <= max;
  check('cores', cores, '1 to 32', within(cores, 1, 32));
  check('lanes', lanes, '4, 8 or 16', [4, 8, 16].includes(lanes));
  const longest = 512 * lanes;
  check(
    'maxLength',
    maxLength,
    `a multiple of 16, 32 to ${longest}`,
    within(maxLength, 32, longest) && maxLength % 16 === 0,
  );
  check(
    'fifo',
    fifo,
    'a power of two, 2 to 65536',
    within(fifo, 2, 65536) && Number.isInteger(Math.log2(fifo)),
  );
  check('outQueue', outQueue, '1 to 64', within(outQueue, 1, 64));
  check('batch', batch, '1 to 32', within(batch, 1, 32));
  check(
    'rowLanes',
    rowLanes,
    `a power of two up to ${lanes}`,
    within(rowLanes, 1, lanes) && Number.isInteger(Math.log2(rowLanes)),
  );
  check('columns', columns, '16 or 20', columns === 16 || columns === 20);
  check('rom', rom, '1 to 65536', within(rom, 1, 65536));
}
