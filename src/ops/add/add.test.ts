import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { add } from './add.ts';

testOp('add', [
  ...[
    [1, 1],
    [3, 5],
    [2, 7, 33],
    [1, 64],
  ].map((shape) =>
    opCase(`equal shapes [${shape}]`, [noise('a', shape, 1), noise('b', shape, 2)], (a, b) => [add(a!, b!)]),
  ),
  ...[
    [1, 1],
    [4, 5],
    [2, 3, 37],
  ].map((shape) =>
    opCase(`bias on [${shape}]`, [noise('a', shape, 1), noise('bias', [shape.at(-1)!], 2)], (a, b) => [
      add(a!, b!),
    ]),
  ),
  opCase('the same tensor twice', [noise('a', [3, 9], 1)], (a) => [add(a!, a!)]),
  opCase('a bias used twice', [noise('a', [3, 9], 1), noise('bias', [9], 2)], (a, b) => [
    add(add(a!, b!), b!),
  ]),
]);
