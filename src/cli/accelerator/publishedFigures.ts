/** Published figures of others beside the simulated ones. */
import { type BlockRow, type ModelRow, onFpga } from '../../accelerator/report.ts';
import type { Section } from './reportSections.ts';

/**
 * The paper: Zhu et al., arXiv:2406.02528. TerEffic: arXiv:2502.16473, first and second version. TeLLMe:
 * arXiv:2510.15926, the second design of that name. All figures are theirs.
 */
export function published(blocks: readonly BlockRow[], models: readonly ModelRow[]): Section {
  const clocks = [...new Set(blocks.map(({ clockMHz }) => clockMHz))];
  const counts = models.map((row) => row.cores);
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
  const block = (clock: number) =>
    blocks.find((row) => row.clockMHz === clock && row.width === 512 && row.cores === fewest)!;
  const speed = (model: ModelRow['model'], count: number) =>
    clocks.map((clock) => {
      const row = models.find(
        (each) => each.clockMHz === clock && each.model === model && each.cores === count,
      )!;
      return row.tokensPerSecond.toFixed(1);
    });
  const tokens = (model: ModelRow['model'], count: number) => `${speed(model, count).join(' and ')} tokens/s`;
  const times = clocks.map((clock) => `${block(clock).milliseconds.toFixed(3)} ms`).join(' and ');
  const at = `here, at ${clocks.join(' and ')} MHz`;
  return {
    title: 'Beside published figures',
    head: ['', 'theirs', `${at}, ${coresText(fewest)}`, coresText(most)],
    rows: [
      ['the paper: a block, d = 512, 60 MHz, 8 bits at a time', '43 ms, 13.67 W', times, ''],
      ['the paper: with bursts over 512 bits, expected', '64 times faster: 0.67 ms', times, ''],
      ['the paper: 1.3B, estimated', '23.8 tokens/s, 13 W', tokens('1.3B', fewest), tokens('1.3B', most)],
      [
        'TerEffic: 370M wholly on chip',
        '12,700 tokens/s, 27 W; later 16,300, 36 W',
        tokens('370M', fewest),
        tokens('370M', most),
      ],
      [
        'TerEffic: 2.7B, HBM',
        '521 tokens/s, 33 W; later 727, 46 W',
        tokens('2.7B', fewest),
        tokens('2.7B', most),
      ],
      ['TeLLMe: BitNet on a KV260', '25 tokens/s, 5 W', 'no attention here', ''],
    ],
    notes: [
      "The paper's figures contradict one another: 43 ms at 60 MHz are 2.58 million cycles for 3.15 million weights;",
      'a 512-bit bus at 60 MHz moves 3.84 GB/s, and 1.3B takes 325 MB a token, so that bus ends at 11.8 tokens/s.',
      'Their rows for 2 to 26 cores are estimates, level at first and slower from 16 to 26; here every row is simulated,',
      'and what ends the gain is the number of DDR4 channels. TerEffic keeps weights on the chip or in HBM, which DDR4',
      'cannot match; their watts are for a whole card, which is not estimated here.',
    ],
  };
}

const coresText = (count: number) => (count === 1 ? '1 core' : `${count} cores`);

/** What the paper states: measured for a block, estimated for 1.3B. */
const paper = { blockSeconds: 0.043, blockWatts: 13.67, tokensPerSecond: 23.8, watts: 13 } as const;

/** The paper's energy beside what switching alone takes here, for a token of 1.3B. */
export function energy(models: readonly ModelRow[]): Section {
  const rows = models.filter(({ model, clockMHz }) => model === '1.3B' && clockMHz === models[0]!.clockMHz);
  const [one, most] = [rows[0]!, rows.at(-1)!];
  const milli = (joules: number) => `${(1000 * joules).toFixed(1)} mJ`;
  const switching = ({ arithmeticJoules, sramJoules, dramJoules }: ModelRow) =>
    arithmeticJoules + sramJoules + dramJoules;
  const runs = most === one ? [one] : [one, most];
  const extra = runs
    .map((row) => `${milli(1 / row.tokensPerSecond)} to a token of ${coresText(row.cores)}`)
    .join(' and ');
  const cells = (what: string, joules: number, { tokensPerSecond }: Pick<ModelRow, 'tokensPerSecond'>) => [
    ...[what, tokensPerSecond.toFixed(1), milli(joules), `${(joules * tokensPerSecond).toFixed(2)} W`],
  ];
  return {
    title: "Energy of a token of 1.3B, beside the paper's",
    head: ['', 'tokens/s', 'a token', 'power'],
    rows: [
      cells('the paper, estimated there', paper.watts / paper.tokensPerSecond, paper),
      ...runs.flatMap((row) => {
        return [
          cells(`here, ${coresText(row.cores)}: switching, estimated`, switching(row), row),
          cells(`the same with logic and SRAM of an FPGA, ${onFpga} times as much`, fpgaJoules(row), row),
        ];
      }),
    ],
    notes: [
      `The paper states 43 ms and ${paper.blockWatts} W for a block of d = 512, ${milli(paper.blockWatts * paper.blockSeconds)}. The figures here are`,
      'an estimate, from the activity that the simulator counts (it equals the RTL in every event) and the table of energies',
      'above: every addition is counted, also those of weights that are 0. Leakage, clock trees, wires and the board are',
      `left out: each watt that always flows adds ${extra}. So these rows`,
      'say that memory takes most of the energy that depends on the work; they do not decide whether 13 W are enough.',
      'results/accelerator-power.md estimates the same from what toggles in waveforms of the RTL.',
    ],
  };
}

function fpgaJoules({ arithmeticJoules, sramJoules, dramJoules }: ModelRow): number {
  return onFpga * (arithmeticJoules + sramJoules) + dramJoules;
}
