/** Throughput of machines with slots: decoding for many users, and prompts many tokens at a time. */
import { namedConfig } from '../model/config.ts';
import { timeModel } from './blockTime.ts';
import type { Mode } from './compile/mode.ts';
import { ddr4 } from './parameters.ts';

interface BatchMachine {
  readonly model: '370M' | '1.3B' | '2.7B';
  readonly mode: Mode;
  readonly batch: number;
  readonly cores: number;
  readonly channels: number;
  readonly clockMHz: number;
}

export interface BatchRow extends BatchMachine {
  readonly tokensPerSecond: number;
  /** Share of the time in which the cores used weights. */
  readonly coresFed: number;
  /** Milliseconds of a step: a token of each sequence, or `batch` tokens of a prompt. */
  readonly stepMilliseconds: number;
}

const decode = { mode: 'decode', channels: 4 } as const;
const prefill = { mode: 'prefill', channels: 1, cores: 1, batch: 16 } as const;

/** Cores that four channels can feed, at a low clock and at the one of data-centre cards. */
export const batchMachines: readonly BatchMachine[] = [
  { ...decode, model: '370M', batch: 24, cores: 4, clockMHz: 60 },
  { ...decode, model: '370M', batch: 24, cores: 4, clockMHz: 200 },
  { ...decode, model: '1.3B', batch: 1, cores: 6, clockMHz: 200 },
  { ...decode, model: '1.3B', batch: 16, cores: 6, clockMHz: 60 },
  { ...decode, model: '1.3B', batch: 16, cores: 6, clockMHz: 200 },
  { ...decode, model: '2.7B', batch: 16, cores: 6, clockMHz: 200 },
  { ...prefill, model: '370M', clockMHz: 200 },
  { ...prefill, model: '1.3B', clockMHz: 200 },
];

export function batchRow(machine: BatchMachine): BatchRow {
  const { model, mode, batch, cores, channels, clockMHz } = machine;
  const timing = ddr4(clockMHz * 1e6, channels, cores);
  const time = timeModel(namedConfig(model), cores, timing, { batch, mode });
  const stepSeconds = time.cyclesPerToken / (clockMHz * 1e6);
  return {
    ...machine,
    tokensPerSecond: batch / stepSeconds,
    coresFed: time.weightBeatsPerToken / (time.cyclesPerToken * cores),
    stepMilliseconds: 1000 * stepSeconds,
  };
}
