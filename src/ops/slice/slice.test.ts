import { expect, it } from 'vitest';
import { integers, noise, opCase, testOp } from '../../../test/opSuite.ts';
import { record } from '../../program/record.ts';
import { input } from '../../program/tensor.ts';
import { slice } from './slice.ts';

testOp('slice', [
  opCase('all', [noise('x', [3, 5], 1)], (x) => [slice(x!, 0, [15])]),
  opCase('rows in the middle', [noise('x', [2, 5, 7], 1)], (x) => [slice(x!, 21, [4, 7])]),
  opCase('slices that overlap and leave a gap', [noise('x', [40], 1)], (x) => [
    slice(x!, 0, [17]),
    slice(x!, 10, [9]),
    slice(x!, 33, [7]),
  ]),
  opCase(
    'integers',
    [integers('x', [6, 9], 1, (random) => random.integer(100))],
    (x) => [slice(x!, 20, [3])],
    {
      differentiate: [],
    },
  ),
]);

it('refuses elements that are not there', () => {
  record('too far', () => {
    expect(() => slice(input('x', [3, 4]), 8, [5])).toThrow(/x: f32\[3, 4\] has no elements \[8, 13\)/);
  });
});
