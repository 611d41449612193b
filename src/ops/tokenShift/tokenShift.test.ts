import { noise, opCase, slotCases, slotsOf, testOp } from '../../../test/opSuite.ts';
import { batch } from '../sequences.ts';
import { tokenShift } from './tokenShift.ts';

const given = (shape: readonly number[]) => [
  noise('x', shape, 1),
  noise('mix', [shape[2]!], 2, { mean: 0.5, spread: 0.3 }),
];
const before = ([batch, , width]: readonly number[]) => noise('before', [batch!, 1, width!], 3);

const shapes = [
  [1, 1, 1],
  [1, 1, 20],
  [3, 4, 7],
  [2, 45, 33],
];

testOp('tokenShift', [
  ...shapes.map((shape) =>
    opCase(`[${shape}], from nothing`, given(shape), (x, mix) => [
      tokenShift(x!, mix!, { layout: batch, before: undefined }),
    ]),
  ),
  ...shapes.map((shape) =>
    opCase(`[${shape}], from a token`, [...given(shape), before(shape)], (x, mix, token) => [
      tokenShift(x!, mix!, { layout: batch, before: token! }),
    ]),
  ),
  opCase('one text for two shares', [...given([2, 3, 6]), noise('other', [6], 4)], (x, mix, other) => [
    tokenShift(x!, mix!, { layout: batch, before: undefined }),
    tokenShift(x!, other!, { layout: batch, before: undefined }),
  ]),
]);

testOp(
  'tokenShift in slots',
  slotCases.map(({ slots, count, width }) =>
    opCase(
      `slots ${slots} of ${count}, width ${width}`,
      [...given([1, slots.length, width]), slotsOf(slots), before([count, 1, width])],
      (x, mix, at, tokens) => [
        tokenShift(x!, mix!, { layout: { kind: 'slots', slots: at! }, before: tokens! }),
      ],
      { differentiate: [] },
    ),
  ),
);
