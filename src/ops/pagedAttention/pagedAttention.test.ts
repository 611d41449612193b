import { expect, it } from 'vitest';
import { integers, noise, opCase, testOp } from '../../../test/opSuite.ts';
import { record } from '../../program/record.ts';
import { input } from '../../program/tensor.ts';
import type { SeededRandom } from '../../text/seededRandom.ts';
import { attention } from '../attention/attention.ts';
import { type PageType, pageSize } from '../pages.ts';
import { pagedAttention } from './pagedAttention.ts';
import { randomPool } from './testing.ts';

interface Case {
  readonly heads: number;
  readonly keyHeads: number;
  readonly headSize: number;
  /** Sequence and position of each row. */
  readonly rows: readonly (readonly [slot: number, position: number])[];
  readonly sequences: number;
  readonly maxPages: number;
}

/** Rows of a sequence from a position on. */
const run = (slot: number, from: number, count: number) =>
  Array.from({ length: count }, (_, i) => [slot, from + i] as const);

/** One token; a chunk of a prompt across the end of a page; tokens of several sequences; chunks beside single tokens; many pages. */
const cases: Case[] = [
  { heads: 1, keyHeads: 1, headSize: 4, rows: [[0, 0]], sequences: 1, maxPages: 1 },
  { heads: 4, keyHeads: 2, headSize: 16, rows: [[1, 130]], sequences: 3, maxPages: 3 },
  { heads: 2, keyHeads: 1, headSize: 12, rows: run(1, 60, 9), sequences: 2, maxPages: 2 },
  {
    ...{ heads: 4, keyHeads: 1, headSize: 128, sequences: 5, maxPages: 3 },
    rows: [
      [4, 63],
      [0, 64],
      [2, 5],
      [2, 191],
      [1, 127],
    ],
  },
  {
    ...{ heads: 4, keyHeads: 2, headSize: 32, sequences: 4, maxPages: 4 },
    rows: [...run(2, 75, 100), [0, 180], ...run(3, 0, 5), ...run(1, 0, 20), [0, 0], [0, 0]],
  },
  {
    ...{ heads: 6, keyHeads: 2, headSize: 32, sequences: 2, maxPages: 12 },
    rows: [
      [1, 767],
      [0, 300],
    ],
  },
  // More queries than a GPU has blocks for each chunk of their keys.
  { heads: 8, keyHeads: 1, headSize: 16, rows: run(0, 1200, 40), sequences: 1, maxPages: 20 },
  // So many that tensor cores take them: a prompt, and chunks of prompts with single tokens between them.
  { heads: 24, keyHeads: 2, headSize: 16, rows: run(0, 5, 134), sequences: 1, maxPages: 3 },
  {
    ...{ heads: 24, keyHeads: 4, headSize: 16, sequences: 4, maxPages: 2 },
    rows: [...run(2, 0, 57), [0, 100], ...run(1, 40, 62), [3, 5], [0, 7], ...run(3, 6, 7), ...run(2, 57, 9)],
  },
];

const types: readonly PageType[] = ['f32', 'f16', 'i8'];

testOp(
  'pagedAttention',
  types.flatMap((type) =>
    cases.map(({ heads, keyHeads, headSize, rows, sequences, maxPages }) => {
      const poolPages = sequences * maxPages + 1;
      const pool = { type, pages: poolPages, heads: keyHeads, headSize };
      return opCase(
        `${type}, ${rows.length} rows of ${sequences} sequences, ${heads} heads over ${keyHeads}, of ${headSize}`,
        [
          noise('q', [1, rows.length, heads * headSize], 1),
          randomPool('k', pool, 2),
          randomPool('v', pool, 3),
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
        { differentiate: [], halfTolerance: 3e-3 },
      );
    }),
  ),
);

/** The cost of one call that `record` finds. */
function costOf(build: () => void) {
  const { calls } = record('one call', build);
  return calls[0]!.op.cost(calls[0]!);
}

it('costs what attention over the whole sequence does, keys read once; rows of many sequences read all of theirs', () => {
  const [length, width, headSize] = [2 * pageSize, 16, 8];
  const pool = (pages: number) => input('pool', [pages, pageSize, width]);
  const paged = (rows: number, sequences: number) =>
    costOf(() =>
      pagedAttention({ q: input('q', [1, rows, width]), k: pool(9), v: pool(9) }, headSize, {
        slots: input('slots', [rows], 'i32'),
        positions: input('positions', [rows], 'i32'),
        pages: input('pages', [sequences, 2], 'i32'),
      }),
    );
  const whole = () => input('x', [1, length, width]);
  const plain = costOf(() => attention({ q: whole(), k: whole(), v: whole() }, headSize));
  expect(paged(length, 1).productMultiplications).toBe(plain.productMultiplications);
  expect(paged(length, 1).bytesRead).toBe(plain.bytesRead);
  expect(paged(3, 3).productMultiplications).toBe(3 * 2 * length * width);
  expect(paged(3, 3).bytesRead).toBe(3 * (width + 2 * length * width) * 4);
});
