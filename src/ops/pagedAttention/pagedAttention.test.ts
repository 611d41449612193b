import { integers, noise, opCase, testOp } from '../../../test/opSuite.ts';
import { input } from '../../program/tensor.ts';
import type { SeededRandom } from '../../text/seededRandom.ts';
import { pageSize } from '../pages.ts';
import { pagedAttention } from './pagedAttention.ts';

interface Case {
  readonly heads: number;
  readonly keyHeads: number;
  readonly headSize: number;
  /** Sequence and position of each row. */
  readonly rows: readonly (readonly [slot: number, position: number])[];
  readonly sequences: number;
  readonly maxPages: number;
}

/** One token, a chunk of a prompt across the end of a page, and tokens of several sequences. */
const cases: Case[] = [
  { heads: 1, keyHeads: 1, headSize: 4, rows: [[0, 0]], sequences: 1, maxPages: 1 },
  { heads: 4, keyHeads: 2, headSize: 16, rows: [[1, 130]], sequences: 3, maxPages: 3 },
  {
    ...{ heads: 2, keyHeads: 1, headSize: 12, sequences: 2, maxPages: 2 },
    rows: Array.from({ length: 9 }, (_, i) => [1, 60 + i] as const),
  },
  {
    ...{ heads: 4, keyHeads: 1, headSize: 128, sequences: 5, maxPages: 3 },
    rows: [
      [4, 63],
      [0, 64],
      [2, 191],
      [2, 5],
      [1, 127],
    ],
  },
];

testOp(
  'pagedAttention',
  cases.map(({ heads, keyHeads, headSize, rows, sequences, maxPages }) => {
    const poolPages = sequences * maxPages + 1;
    const pool = [poolPages, pageSize, keyHeads * headSize];
    return opCase(
      `${rows.length} rows of ${sequences} sequences, ${heads} heads over ${keyHeads}, of ${headSize}`,
      [
        noise('q', [1, rows.length, heads * headSize], 1),
        noise('k', pool, 2),
        noise('v', pool, 3),
        { tensor: input('slots', [rows.length], 'i32'), data: Int32Array.from(rows, ([slot]) => slot) },
        { tensor: input('positions', [rows.length], 'i32'), data: Int32Array.from(rows, ([, at]) => at) },
        // Pages in no order, and some of two sequences at once.
        integers('pages', [sequences, maxPages], 4, (random: SeededRandom) => random.integer(poolPages)),
      ],
      (q, k, v, slots, positions, pages) => [
        pagedAttention({ q: q!, k: k!, v: v! }, headSize, {
          slots: slots!,
          positions: positions!,
          pages: pages!,
        }),
      ],
      { differentiate: [] },
    );
  }),
);
