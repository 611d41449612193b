import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { add } from '../add/add.ts';
import { gatedUnit } from './gatedUnit.ts';

testOp(
  'gatedUnit',
  (['silu', 'relu2'] as const).flatMap((activation) => [
    ...[
      [1, 1],
      [5, 7],
      [2, 3, 40],
    ].map((shape) =>
      opCase(
        `${activation} [${shape}]`,
        [noise('g', shape, 1, { spread: 2 }), noise('u', shape, 2)],
        (g, u) => [gatedUnit(g!, u!, activation)],
      ),
    ),
    opCase(
      `${activation}, saturated gates`,
      [noise('g', [4, 24], 1, { spread: 60 }), noise('u', [4, 24], 2)],
      (g, u) => [gatedUnit(g!, u!, activation)],
      { straightThrough: true },
    ),
    opCase(`${activation}, used twice`, [noise('g', [3, 6], 1), noise('u', [3, 6], 2)], (g, u) => [
      add(gatedUnit(g!, u!, activation), gatedUnit(u!, g!, activation)),
    ]),
  ]),
);
