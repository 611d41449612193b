import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { swiglu } from './swiglu.ts';

testOp('swiglu', [
  ...[
    [1, 2],
    [5, 14],
    [2, 3, 50],
  ].map((shape) => opCase(`[${shape}]`, [noise('x', shape, 1, { spread: 2 })], (x) => [swiglu(x!)])),
  opCase('saturated gates', [noise('x', [4, 24], 1, { spread: 60 })], (x) => [swiglu(x!)], {
    straightThrough: true,
  }),
]);
