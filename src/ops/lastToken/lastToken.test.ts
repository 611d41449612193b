import { noise, opCase, slotCases, slotsOf, testOp } from '../../../test/opSuite.ts';
import { batch } from '../sequences.ts';
import { lastToken } from './lastToken.ts';

testOp(
  'lastToken',
  [
    [1, 1, 1],
    [3, 4, 7],
    [2, 9, 32],
  ].map((shape) =>
    opCase(`[${shape}]`, [noise('x', shape, 1)], (x) => [lastToken(x!, { layout: batch })], {
      differentiate: [],
      tolerance: 0,
    }),
  ),
);

testOp(
  'lastToken in slots',
  slotCases.map(({ slots, count, width }) =>
    opCase(
      `slots ${slots} of ${count}, width ${width}`,
      [noise('x', [1, slots.length, width], 1), slotsOf(slots), noise('before', [count, 1, width], 2)],
      (x, at, before) => [lastToken(x!, { layout: { kind: 'slots', slots: at! }, before: before! })],
      { differentiate: [], tolerance: 0 },
    ),
  ),
);
