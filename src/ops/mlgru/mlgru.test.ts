import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { batch } from '../sequences.ts';
import { mlgru } from './mlgru.ts';

const gates = (shape: readonly number[]) => [noise('i', shape, 1), noise('f', shape, 2)];
const start = (shape: readonly number[]) => noise('start', [shape[0]!, shape[2]!], 3);
/** Rows of bounds in (0, 1). */
const bounds = (layers: number, width: number) => {
  const { tensor, data } = noise('bounds', [layers, width], 4);
  return { tensor, data: data.map((x) => 1 / (1 + Math.exp(-x))) };
};

const shapes = [
  [1, 1, 1],
  [1, 1, 20],
  [2, 5, 7],
  [3, 2, 33],
  [1, 63, 18],
  [2, 100, 9], // several chunks on a GPU
];

testOp('mlgru', [
  ...shapes.map((shape) =>
    opCase(`[${shape}], from zeros, no bounds`, gates(shape), (i, f) =>
      Object.values(mlgru(i!, f!, { layout: batch, state: undefined, bounds: undefined, layer: 0 })),
    ),
  ),
  ...shapes.map((shape) =>
    opCase(
      `[${shape}], from a state, bounded`,
      [...gates(shape), start(shape), bounds(3, shape[2]!)],
      (i, f, s, b) => Object.values(mlgru(i!, f!, { layout: batch, state: s!, bounds: b!, layer: 1 })),
    ),
  ),
  opCase('two layers share the bounds', [...gates([2, 3, 6]), bounds(2, 6)], (i, f, b) => {
    const first = mlgru(i!, f!, { layout: batch, state: undefined, bounds: b!, layer: 0 });
    return Object.values(mlgru(first.h, f!, { layout: batch, state: first.next, bounds: b!, layer: 1 }));
  }),
]);
