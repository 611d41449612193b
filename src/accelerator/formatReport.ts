/** What five trits a byte gain over two bits a weight, where memory limits how fast a model decodes. */
import { namedConfig } from '../model/config.ts';
import { timeModel } from './blockTime.ts';
import { burstBytes, ddr4 } from './parameters.ts';

interface FormatMachine {
  readonly model: '370M' | '1.3B';
  readonly cores: number;
  readonly channels: number;
  readonly clockMHz: number;
}

/** Columns of a core in 32 bits of weights, by format. */
const columns = { pairs: 16, trits: 20 } as const;

interface FormatTime {
  /** Of weights, padding included, for a token. */
  readonly bytesPerToken: number;
  readonly tokensPerSecond: number;
}

/** A machine with weights of two bits, and with five trits a byte. */
export interface FormatRow extends FormatMachine, Readonly<Record<keyof typeof columns, FormatTime>> {}

/** A port of one core, one channel, and four channels that their cores saturate. */
export const formatMachines: readonly FormatMachine[] = [
  { model: '370M', cores: 1, channels: 4, clockMHz: 60 },
  { model: '1.3B', cores: 1, channels: 4, clockMHz: 60 },
  { model: '1.3B', cores: 8, channels: 1, clockMHz: 60 },
  { model: '1.3B', cores: 26, channels: 4, clockMHz: 60 },
  { model: '1.3B', cores: 6, channels: 4, clockMHz: 200 },
];

export function formatRow(machine: FormatMachine): FormatRow {
  const { model, cores, channels, clockMHz } = machine;
  const timing = ddr4(clockMHz * 1e6, channels, cores);
  const time = (format: keyof typeof columns): FormatTime => {
    const shape = { batch: 1, mode: 'decode', columns: columns[format] } as const;
    const { cyclesPerToken, weightBeatsPerToken } = timeModel(namedConfig(model), cores, timing, shape);
    return {
      bytesPerToken: weightBeatsPerToken * burstBytes,
      tokensPerSecond: (clockMHz * 1e6) / cyclesPerToken,
    };
  };
  return { ...machine, pairs: time('pairs'), trits: time('trits') };
}
