import { integers, noise, opCase, testOp } from '../../../test/opSuite.ts';
import { rotary, rotaryTable } from './rotary.ts';

/** Frequencies of a head's pairs, as models have them. */
const frequencies = (headSize: number, theta: number) =>
  Array.from({ length: headSize / 2 }, (_, i) => theta ** ((-2 * i) / headSize));

const at = (position: number) => integers('first', [1], 1, () => position);

testOp('rotary', [
  ...(
    [
      [[1, 1, 2], 2],
      [[1, 5, 12], 4],
      [[2, 3, 42], 14],
      [[1, 9, 128], 64],
    ] as const
  ).map(([shape, headSize]) =>
    opCase(`[${shape}], heads of ${headSize}`, [noise('x', shape, 1)], (x) => [
      rotary(x!, rotaryTable(shape[1], { frequencies: frequencies(headSize, 10_000) })),
    ]),
  ),
  opCase('a magnitude', [noise('x', [1, 5, 16], 1)], (x) => [
    rotary(x!, rotaryTable(5, { frequencies: frequencies(8, 100), magnitude: 1.3 })),
  ]),
  ...[7, 4095, 131_071].map((position) =>
    // A turn a token is rounded to 2⁻³³: after 131,072 tokens that is 2⁻¹⁶ of a turn, or 1e-4.
    opCase(
      `from position ${position}`,
      [noise('x', [2, 3, 32], 1), at(position)],
      (x, first) => [rotary(x!, rotaryTable(3, { frequencies: frequencies(16, 500_000) }, first))],
      { straightThrough: true, tolerance: position > 5000 ? 1e-4 : 1e-5 },
    ),
  ),
  opCase(
    'a position of each row',
    [noise('x', [1, 6, 32], 1), integers('positions', [6], 2, (random) => random.integer(200))],
    (x, positions) => [rotary(x!, rotaryTable(6, { frequencies: frequencies(16, 10_000) }, positions))],
    { straightThrough: true },
  ),
]);
