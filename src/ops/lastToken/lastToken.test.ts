import { noise, opCase, testOp } from '../../../test/opSuite.ts';
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
