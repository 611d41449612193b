import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { sigmoidGate } from './sigmoidGate.ts';

testOp(
  'sigmoidGate',
  [
    [1, 1],
    [5, 7],
    [2, 3, 50],
  ].map((shape) =>
    opCase(`[${shape}]`, [noise('x', shape, 1, { spread: 3 }), noise('h', shape, 2)], (x, h) => [
      sigmoidGate(x!, h!),
    ]),
  ),
);
