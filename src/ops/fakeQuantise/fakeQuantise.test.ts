import { expect, it } from 'vitest';
import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { record } from '../../program/record.ts';
import { input, type Tensor } from '../../program/tensor.ts';
import { backward } from '../gradients.ts';
import { fakeQuantiseGroups, fakeQuantiseMatrix, fakeQuantiseRows } from './fakeQuantise.ts';
import { fakeQuantiseGroupsReference } from './reference.ts';

/** Of quantisers finite differences say nothing; that they hand gradients on as they are is tested below. */
const options = { straightThrough: true };
const rows = (x?: Tensor) => [fakeQuantiseRows(x!)];
const matrix = (weight?: Tensor) => [fakeQuantiseMatrix(weight!)];

const groups = (size: number) => (x?: Tensor) => [fakeQuantiseGroups(x!, size)];

testOp('fakeQuantise', [
  ...(
    [
      [[1, 1], 1],
      [[3, 18], 6],
      [[2, 5, 64], 32],
      [[70, 300], 20],
    ] as const
  ).map(([shape, size]) =>
    opCase(`groups of ${size} in [${shape}]`, [noise('x', shape, 5)], groups(size), options),
  ),
  opCase('groups of zeros', [{ ...noise('x', [2, 8], 3), data: new Float32Array(16) }], groups(4), options),
  ...[
    [1, 1],
    [3, 17],
    [2, 5, 64],
    [70, 300],
  ].map((shape) => opCase(`rows [${shape}]`, [noise('x', shape, 3)], rows, options)),
  opCase('rows of zeros', [{ ...noise('x', [2, 20], 3), data: new Float32Array(40) }], rows, options),
  ...[
    [1, 1],
    [5, 17],
    [64, 48],
    [300, 70],
  ].map((shape) =>
    opCase(`matrix [${shape}]`, [noise('weight', shape, 4, { spread: 0.02 })], matrix, options),
  ),
  opCase('matrix of zeros', [{ ...noise('w', [6, 7], 3), data: new Float32Array(42) }], matrix, options),
]);

it.for([
  ['rows', fakeQuantiseRows],
  ['matrix', fakeQuantiseMatrix],
  ['groups', (x: Tensor) => fakeQuantiseGroups(x, 2)],
] as const)('%s: the gradient goes straight through', ([, quantise]) => {
  const [x, seed] = [input('x', [3, 4]), input('seed', [3, 4])];
  record('straight through', () => {
    expect(backward(new Map([[quantise(x), seed]]), [x]).get(x)).toBe(seed);
  });
});

it('groups: each has a scale of its own, and must divide the width', () => {
  const y = new Float64Array(4);
  fakeQuantiseGroupsReference(Float64Array.of(1, 3, -0.2, 0.01), 2, y);
  expect([...y]).toEqual([0, 2, -(0.2 + 0.01) / 2, 0]);
  record('groups', () => {
    expect(() => fakeQuantiseGroups(input('x', [3, 4]), 3)).toThrow(
      'expected a group that divides 4, found 3',
    );
  });
});
