import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { lowerBounds } from './lowerBounds.ts';

testOp(
  'lowerBounds',
  [
    [1, 5],
    [2, 1],
    [4, 9],
    [24, 32],
  ].map((shape) => opCase(`[${shape}]`, [noise('raw', shape, 1)], (raw) => [lowerBounds(raw!)])),
);
