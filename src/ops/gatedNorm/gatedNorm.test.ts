import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { add } from '../add/add.ts';
import { gatedNorm } from './gatedNorm.ts';

const given = (shape: readonly number[]) => [
  noise('x', shape, 1),
  noise('h', shape, 2, { spread: 2 }),
  noise('gamma', [shape.at(-1)!], 3, { mean: 1, spread: 0.3 }),
];

testOp('gatedNorm', [
  // A norm of one element is its sign: the gradient cancels to rounding errors.
  opCase('[1, 1]', given([1, 1]), (x, h, g) => [gatedNorm(x!, h!, g!, 1e-6)], { tolerance: 2e-3 }),
  ...[
    [1, 7],
    [5, 12],
    [2, 3, 50],
  ].map((shape) => opCase(`[${shape}]`, given(shape), (x, h, g) => [gatedNorm(x!, h!, g!, 1e-6)])),
  opCase('inputs used twice', given([2, 9]), (x, h, g) => [
    add(gatedNorm(x!, h!, g!, 1e-6), gatedNorm(x!, h!, g!, 1e-3)),
  ]),
]);
