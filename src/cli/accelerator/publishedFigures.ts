/** Published figures of others beside the simulated ones. */
import type { BlockRow, ModelRow } from '../../accelerator/report.ts';
import type { Section } from './reportSections.ts';

/**
 * The paper: Zhu et al., arXiv:2406.02528. TerEffic: arXiv:2502.16473, first and second version. TeLLMe:
 * arXiv:2510.15926, the second design of that name. All figures are theirs.
 */
export function published(blocks: readonly BlockRow[], models: readonly ModelRow[]): Section {
  const clocks = [...new Set(blocks.map(({ clockMHz }) => clockMHz))];
  const cores = Math.max(...models.map((row) => row.cores));
  const block = (clock: number) =>
    blocks.find((row) => row.clockMHz === clock && row.width === 512 && row.cores === 1)!;
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
    head: ['', 'theirs', `${at}, one core`, `${cores} cores`],
    rows: [
      ['the paper: a block, d = 512, 60 MHz, 8 bits at a time', '43 ms, 13.67 W', times, ''],
      ['the paper: with bursts over 512 bits, expected', '64 times faster: 0.67 ms', times, ''],
      ['the paper: 1.3B, estimated', '23.8 tokens/s, 13 W', tokens('1.3B', 1), tokens('1.3B', cores)],
      [
        'TerEffic: 370M wholly on chip',
        '12,700 tokens/s, 27 W; later 16,300, 36 W',
        tokens('370M', 1),
        tokens('370M', cores),
      ],
      [
        'TerEffic: 2.7B, HBM',
        '521 tokens/s, 33 W; later 727, 46 W',
        tokens('2.7B', 1),
        tokens('2.7B', cores),
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
