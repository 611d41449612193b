import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { add } from '../add/add.ts';
import { attention } from './attention.ts';

interface Sizes {
  readonly batch: number;
  readonly length: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headSize: number;
}

const given = ({ batch, length, heads, keyHeads, headSize }: Sizes) => [
  noise('q', [batch, length, heads * headSize], 1),
  noise('k', [batch, length, keyHeads * headSize], 2),
  noise('v', [batch, length, keyHeads * headSize], 3),
];

const name = ({ batch, length, heads, keyHeads, headSize }: Sizes) =>
  `[${batch}, ${length}], ${heads} heads over ${keyHeads}, of ${headSize}`;

/** A token alone, groups of heads, lengths that are not a multiple of a tile, and several tiles. */
const small: Sizes[] = [
  { batch: 1, length: 1, heads: 1, keyHeads: 1, headSize: 4 },
  { batch: 2, length: 7, heads: 2, keyHeads: 1, headSize: 8 },
  { batch: 1, length: 9, heads: 4, keyHeads: 2, headSize: 4 },
];
const large: Sizes[] = [
  { batch: 2, length: 33, heads: 3, keyHeads: 3, headSize: 16 },
  { batch: 1, length: 71, heads: 4, keyHeads: 2, headSize: 12 },
];

/** Large enough for tensor cores, with heads of one fragment, an odd number, and as many as there can be. */
const worthHalves: Sizes[] = [
  { batch: 2, length: 150, heads: 6, keyHeads: 3, headSize: 16 },
  { batch: 1, length: 200, heads: 4, keyHeads: 2, headSize: 48 },
  { batch: 2, length: 192, heads: 1, keyHeads: 1, headSize: 64 },
  { batch: 1, length: 130, heads: 2, keyHeads: 1, headSize: 128 },
];

testOp('attention', [
  ...[...small, ...large, ...worthHalves].map((sizes) =>
    opCase(
      name(sizes),
      given(sizes),
      (q, k, v) => [attention({ q: q!, k: k!, v: v! }, sizes.headSize)],
      // Finite differences over many numbers take long, and small sizes have shown the formula right.
      { straightThrough: !small.includes(sizes), halfTolerance: 3e-3 },
    ),
  ),
  opCase('inputs used twice', given(small[1]!), (q, k, v) => [
    add(attention({ q: q!, k: k!, v: v! }, 8), attention({ q: q!, k: v!, v: k! }, 8)),
  ]),
  opCase(
    'scores far apart',
    [
      noise('q', [1, 40, 8], 1, { spread: 30 }),
      noise('k', [1, 40, 8], 2, { spread: 30 }),
      noise('v', [1, 40, 8], 3),
    ],
    (q, k, v) => [attention({ q: q!, k: k!, v: v! }, 8)],
    // Scores in the thousands keep six digits in f32.
    { straightThrough: true, tolerance: 3e-3 },
  ),
]);
