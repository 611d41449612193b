import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { add } from '../add/add.ts';
import { rmsNorm } from './rmsNorm.ts';

const gamma = (width: number) => noise('gamma', [width], 5, { mean: 1, spread: 0.3 });

testOp('rmsNorm', [
  // A norm of one element is its sign: the gradient cancels to rounding errors.
  opCase('[1, 1]', [noise('x', [1, 1], 1), gamma(1)], (x, g) => [rmsNorm(x!, g!, 1e-6)], { tolerance: 2e-3 }),
  ...[
    [1, 7],
    [5, 12],
    [2, 3, 50],
  ].map((shape) =>
    opCase(`[${shape}]`, [noise('x', shape, 1), gamma(shape.at(-1)!)], (x, g) => [rmsNorm(x!, g!, 1e-6)]),
  ),
  ...(
    [
      [[2, 3, 24], 8],
      [[7, 15], 5],
    ] as const
  ).map(([shape, size]) =>
    opCase(`[${shape}], heads of ${size}`, [noise('x', shape, 1), gamma(size)], (x, g) => [
      rmsNorm(x!, g!, 1e-6),
    ]),
  ),
  opCase('a large ε', [noise('x', [3, 6], 1), gamma(6)], (x, g) => [rmsNorm(x!, g!, 0.5)]),
  opCase(
    'tiny entries',
    [noise('x', [3, 6], 1, { spread: 1e-4 }), gamma(6)],
    (x, g) => [rmsNorm(x!, g!, 1e-6)],
    {
      straightThrough: true, // too steep for finite differences
    },
  ),
  opCase('x and gamma used twice', [noise('x', [3, 6], 1), gamma(6)], (x, g) => [
    add(rmsNorm(x!, g!, 1e-6), rmsNorm(x!, g!, 1e-5)),
  ]),
]);
