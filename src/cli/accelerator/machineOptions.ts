/** Command-line options for the machine's sizes and its memory. */
import type { Command } from 'commander';
import { ddr4, defaultSizes, type MachineSizes, type MemoryTiming } from '../../accelerator/parameters.ts';
import { integer, number } from '../options.ts';

export interface SizeFlags {
  readonly cores: number;
  readonly maxLength?: number;
  readonly rom: number;
  readonly batch: number;
  readonly lanes: number;
  readonly columns: number;
}

export function addSizeOptions(command: Command): Command {
  return command
    .option('--cores <n>', 'ternary cores', integer(1, 32), 1)
    .option('--lanes <n>', 'elements of a word of memory, rows of a core: 4, 8 or 16', integer(4, 16), 16)
    .option(
      '--columns <n>',
      'columns of a core: 16 (two bits a weight) or 20 (five trits a byte)',
      integer(16, 20),
      16,
    )
    .option(
      '--max-length <n>',
      'elements of a vector register (default: 512 for each lane)',
      integer(32, 8192),
    )
    .option('--rom <n>', 'size of the instruction ROM', integer(1, 65536), defaultSizes.rom)
    .option('--batch <n>', 'slots: sequences that share one reading of the weights', integer(1, 32), 1);
}

export function sizesOf({ cores, rom, batch, lanes, columns, ...flags }: SizeFlags): MachineSizes {
  const { maxLength = 512 * lanes } = flags;
  return { ...defaultSizes, cores, maxLength, rom, batch, lanes, rowLanes: lanes, columns };
}

export interface TimingFlags {
  readonly clock: number;
  readonly channels: number;
}

export function addTimingOptions(command: Command): Command {
  return command
    .option('--clock <MHz>', 'clock of the cores', number('a number from 1 to 1000', within(1, 1000)), 60)
    .option('--channels <n>', 'DDR4-2400 channels', integer(1, 16), 4);
}

export function timingOf({ clock, channels }: TimingFlags, cores: number): MemoryTiming {
  return ddr4(clock * 1e6, channels, cores);
}

function within(min: number, max: number): (value: number) => boolean {
  return (value) => value >= min && value <= max;
}
