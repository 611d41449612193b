/** Simulates the accelerator at the paper's sizes. */
import { type ConfigName, namedConfig } from '../model/config.ts';
import { auditModel } from '../run/audit.ts';
import { type BatchRow, batchMachines, batchRow } from './batchReport.ts';
import { blockConfig, type ModelTime, timeModel } from './blockTime.ts';
import { type FormatRow, formatMachines, formatRow } from './formatReport.ts';
import { burstBytes, ddr4, peakBeats } from './parameters.ts';

const blockWidths = [512, 1024, 2048] as const;
export const coreCounts = [1, 2, 4, 8, 16, 26] as const;
const modelNames = ['370M', '1.3B', '2.7B'] as const satisfies readonly ConfigName[];

export interface BlockRow {
  readonly clockMHz: number;
  readonly width: number;
  readonly cores: number;
  readonly cycles: number;
  readonly milliseconds: number;
  /** Of the peak of the cores' 512-bit ports, how much weights used. */
  readonly portUse: number;
  /** Gigabytes a second, all traffic, and as a share of the channels' peak. */
  readonly bandwidth: number;
  readonly bandwidthUse: number;
}

export interface ModelRow {
  readonly clockMHz: number;
  readonly model: (typeof modelNames)[number];
  readonly cores: number;
  readonly tokensPerSecond: number;
  /** Joules a token, of switching: additions and multiplications, memories on the chip, DRAM. */
  readonly arithmeticJoules: number;
  readonly sramJoules: number;
  readonly dramJoules: number;
}

/** Where the cycles of a block go, by cause. */
export interface StallRow {
  readonly width: number;
  readonly cores: number;
  readonly clockMHz: number;
  readonly cycles: number;
  readonly core: ModelTime['coreCycles'];
  readonly issue: ModelTime['stalls'];
}

/** Cycles, bandwidth and throughput of blocks and whole models. */
export interface Report {
  readonly channels: number;
  readonly blocks: readonly BlockRow[];
  /** Blocks of 1024 at the first clock. */
  readonly stalls: readonly StallRow[];
  /** Blocks of 2048 at the first clock, behind a single channel. */
  readonly saturation: readonly BlockRow[];
  readonly models: readonly ModelRow[];
  /** Machines with slots; at clocks and channels of their own. */
  readonly batches: readonly BatchRow[];
  /** Two bits a weight beside five trits a byte. */
  readonly formats: readonly FormatRow[];
}

/**
 * Energies of operations in picojoules. Arithmetic: Horowitz, "Computing's energy problem", ISSCC 2014, 45 nm, 0.9 V;
 * an FPGA spends an order of magnitude more on it; 64 bits of an SRAM of 8 KB, from the same source. DRAM: DDR4 with
 * its interface, about 15 pJ a bit.
 */
export const picojoules = { addition: 0.1, multiplication: 3.1, sramWord: 10, dramBit: 15 } as const;

/** How many times as much the logic and the memories of an FPGA take, about. */
export const onFpga = 10;

/** 64-bit words of SRAM for a beat of weights: into the FIFO, out of it, and 16 activations of a bank. */
const sramWordsOfBeat = 8 + 8 + 2;
/** And for a word of the row-wise unit: two operands and a result of 512 bits. */
const sramWordsOfRow = 3 * 8;

/** Which machines a report covers. */
export interface ReportOptions {
  readonly clocksMHz: readonly number[];
  readonly channels: number;
  /** Default: `coreCounts`. */
  readonly cores?: readonly number[] | undefined;
  /** Called with the number of simulated runs, and of all. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** @throws the signal's reason if it is aborted, which is noticed between two runs */
export async function makeReport(options: ReportOptions): Promise<Report> {
  const { clocksMHz, channels, cores: counts = coreCounts, onProgress, signal } = options;
  const blocks: BlockRow[] = [];
  const stalls: StallRow[] = [];
  const saturation: BlockRow[] = [];
  const models: ModelRow[] = [];
  const batches: BatchRow[] = [];
  const formats: FormatRow[] = [];
  const runs = counts.length * (clocksMHz.length * (blockWidths.length + modelNames.length) + 2);
  const total = runs + batchMachines.length + formatMachines.length;
  let done = 0;
  const next = async () => {
    onProgress?.(++done, total);
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
  };
  for (const clockMHz of clocksMHz) {
    for (const width of blockWidths) {
      for (const cores of counts) {
        blocks.push(blockRow(width, cores, clockMHz, channels));
        await next();
      }
    }
    for (const model of modelNames) {
      for (const cores of counts) {
        models.push(modelRow(model, cores, clockMHz, channels));
        await next();
      }
    }
  }
  for (const cores of counts) {
    saturation.push(blockRow(2048, cores, clocksMHz[0]!, 1));
    await next();
  }
  for (const cores of counts) {
    stalls.push(stallRow(1024, cores, clocksMHz[0]!, channels));
    await next();
  }
  for (const machine of batchMachines) {
    batches.push(batchRow(machine));
    await next();
  }
  for (const machine of formatMachines) {
    formats.push(formatRow(machine));
    await next();
  }
  return { channels, blocks, stalls, saturation, models, batches, formats };
}

function stallRow(width: number, cores: number, clockMHz: number, channels: number): StallRow {
  const time = timeModel(blockConfig(width), cores, ddr4(clockMHz * 1e6, channels, cores));
  const { cyclesPerBlock: cycles, coreCycles: core, stalls: issue } = time;
  return { width, cores, clockMHz, cycles, core, issue };
}

export function blockRow(width: number, cores: number, clockMHz: number, channels: number): BlockRow {
  const timing = ddr4(clockMHz * 1e6, channels, cores);
  const time: ModelTime = timeModel(blockConfig(width), cores, timing);
  const { cyclesPerBlock: cycles, weightBeatsPerBlock, beatsPerBlock } = time;
  return {
    ...{ clockMHz, width, cores, cycles },
    milliseconds: cycles / (clockMHz * 1000),
    portUse: weightBeatsPerBlock / (cycles * cores),
    bandwidth: ((beatsPerBlock / cycles) * burstBytes * clockMHz * 1e6) / 1e9,
    bandwidthUse: beatsPerBlock / cycles / peakBeats(clockMHz * 1e6, channels),
  };
}

function modelRow(model: ModelRow['model'], cores: number, clockMHz: number, channels: number): ModelRow {
  const config = namedConfig(model);
  const { cyclesPerToken, beatsPerToken, weightBeatsPerToken, rowCyclesPerToken } = timeModel(
    config,
    cores,
    ddr4(clockMHz * 1e6, channels, cores),
  );
  const { total } = auditModel(config, 'f16');
  const arithmetic =
    total.additions * picojoules.addition + total.multiplications * picojoules.multiplication;
  const sramWords = weightBeatsPerToken * sramWordsOfBeat + rowCyclesPerToken * sramWordsOfRow;
  return {
    ...{ clockMHz, model, cores },
    tokensPerSecond: (clockMHz * 1e6) / cyclesPerToken,
    arithmeticJoules: arithmetic * 1e-12,
    sramJoules: sramWords * picojoules.sramWord * 1e-12,
    dramJoules: beatsPerToken * burstBytes * 8 * picojoules.dramBit * 1e-12,
  };
}
