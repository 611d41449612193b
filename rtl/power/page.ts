/** The estimate of energy as a page. */
import { onFpga, picojoules } from '../../src/accelerator/report.ts';
import { markdownTable } from '../../src/format.ts';
import { type Activity, type Part, parts } from './activity.ts';

export interface PowerReport {
  /** Whose trained weights, and the tokens that it read. */
  readonly model: string;
  readonly tokens: readonly number[];
  readonly clockMHz: number;
  readonly channels: number;
  /** The first cycle of the window. */
  readonly from: number;
  readonly activity: Activity;
  /** A token of a larger model, by its counts. */
  readonly scaled: {
    readonly model: string;
    readonly tokensPerSecond: number;
    readonly weightBeats: number;
    readonly rowCycles: number;
    readonly beats: number;
  };
}

/** Of the paper's core, for a token of 1.3B (its estimate) and for a block of d = 512. */
const paper = { tokensPerSecond: 23.8, watts: 13, blockSeconds: 0.043, blockWatts: 13.67 } as const;

/** Additions of a beat of weights, if all are counted. */
const additionsOfBeat = 256;

export interface Joules {
  readonly parts: Readonly<Record<Part, number>>;
  readonly total: number;
  /** With additions, multiplications and memories of an FPGA. */
  readonly onFpga: number;
}

/** A token of the larger model: each part grows with the count that drives it. */
export function scaledJoules({ activity, scaled }: PowerReport): Joules {
  const entries = Object.entries(parts).map(([part, driver]) => {
    const each = activity[driver] === 0 ? 0 : activity.picojoules[part as Part] / activity[driver];
    return [part, each * scaled[driver] * 1e-12] as const;
  });
  const found = Object.fromEntries(entries) as Record<Part, number>;
  const total = entries.reduce((sum, [, joules]) => sum + joules, 0);
  return { parts: found, total, onFpga: onFpga * (total - found.DRAM) + found.DRAM };
}

export function powerPage(report: PowerReport): string {
  const { model, clockMHz, channels, from, activity, scaled } = report;
  const { cycles, weightBeats, picojoules: found, registerToggles } = activity;
  const joules = scaledJoules(report);
  const micro = (pico: number) => `${(pico * 1e-6).toPrecision(3)} µJ`;
  const milli = (value: number) => `${(1000 * value).toPrecision(3)} mJ`;
  const watts = (value: number) => `${(value * scaled.tokensPerSecond).toFixed(2)} W`;
  const counted = weightBeats * additionsOfBeat * picojoules.addition;
  const share = (100 * found['ternary additions']) / counted;
  const paperJoules = paper.watts / paper.tokensPerSecond;
  return `# Energy of the accelerator, estimated from what toggles

Written by \`npx node rtl/power.ts\`. The RTL runs the bundled model ${model} (trained weights, one core, ${channels} channels of
DDR4-2400 at ${clockMHz} MHz); waveforms of ${cycles.toLocaleString('en')} cycles from cycle ${from.toLocaleString('en')} on are read while they are written.

${markdownTable(
  ['', `${cycles.toLocaleString('en')} cycles of ${model}`, 'grows with', `a token of ${scaled.model}`],
  [
    ...Object.entries(parts).map(([part, driver]) => [
      ...[part, micro(found[part as Part]), driverNames[driver]],
      milli(joules.parts[part as Part]),
    ]),
    ['all of these', micro(Object.values(found).reduce((sum, one) => sum + one, 0)), '', milli(joules.total)],
  ],
).join('\n')}

This is an estimate. Energies of operations are those of Horowitz ("Computing's energy problem", ISSCC 2014, 45 nm, 0.9 V):
${picojoules.addition} pJ for a 32-bit addition, ${picojoules.multiplication} pJ for a 32-bit multiplication, ${picojoules.sramWord} pJ for 64 bits of an SRAM of 8 KB, 20 pJ for one of 32 KB; they
are taken to be for random operands, of whose result half the bits toggle. DRAM: ${picojoules.dramBit} pJ a bit. A toggled bit of a result costs
its share of the operation, and a memory is accessed in a cycle in which it is written or its address changed. An FPGA takes more:
Kuon and Rose (IEEE TCAD, 2007) found 14 times the dynamic power of standard cells for logic alone, less with hard multipliers and
memories; the table below assumes ${onFpga} times for all but DRAM.

If every addition is counted with the table's energy, also those of weights that are 0, the ternary additions of the same cycles take
${micro(counted)}; from what toggles it is ${share.toFixed(0)} % of that. Registers toggled ${(registerToggles / cycles).toFixed(0)} bits a cycle, which the table does not price.

## Beside the paper

${markdownTable(
  ['', 'tokens/s', `a token of ${scaled.model}`, 'power'],
  [
    [
      'the paper, estimated there',
      String(paper.tokensPerSecond),
      milli(paperJoules),
      `${paper.watts.toFixed(2)} W`,
    ],
    [
      'here, 1 core: what toggles',
      scaled.tokensPerSecond.toFixed(1),
      milli(joules.total),
      watts(joules.total),
    ],
    [
      `the same on an FPGA, logic and memories ${onFpga} times as much`,
      scaled.tokensPerSecond.toFixed(1),
      milli(joules.onFpga),
      watts(joules.onFpga),
    ],
  ],
).join('\n')}

The paper measures ${paper.blockWatts} W while a block of d = 512 takes ${1000 * paper.blockSeconds} ms, ${milli(paper.blockWatts * paper.blockSeconds)} in all. Leakage, clock trees, registers, wires and the board
are missing here: each watt that always flows adds ${milli(1 / scaled.tokensPerSecond)} to a token. So this does not decide whether a card takes 13 W; it says that
of what depends on the work, DRAM takes ${((100 * joules.parts.DRAM) / joules.total).toFixed(0)} %.
`;
}

const driverNames = {
  weightBeats: 'beats of weights',
  rowCycles: 'cycles of the row-wise unit',
  beats: 'beats of DRAM',
} as const;
