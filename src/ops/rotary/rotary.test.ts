import { integers, noise, opCase, testOp } from '../../../test/opSuite.ts';
import { rotary, rotaryTable } from './rotary.ts';

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
      rotary(x!, rotaryTable(shape[1], { headSize, theta: 10_000 })),
    ]),
  ),
  ...[7, 4095, 131_071].map((position) =>
    // A turn a token is rounded to 2⁻³³: after 131,072 tokens that is 2⁻¹⁶ of a turn, or 1e-4.
    opCase(
      `from position ${position}`,
      [noise('x', [2, 3, 32], 1), at(position)],
      (x, first) => [rotary(x!, rotaryTable(3, { headSize: 16, theta: 500_000 }, first))],
      { straightThrough: true, tolerance: position > 5000 ? 1e-4 : 1e-5 },
    ),
  ),
]);
