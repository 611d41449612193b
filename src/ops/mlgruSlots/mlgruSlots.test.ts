import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { input } from '../../program/tensor.ts';
import { mlgruSlots } from './mlgruSlots.ts';

const slotsOf = (slots: readonly number[]) => ({
  tensor: input('slots', [slots.length], 'i32'),
  data: Int32Array.from(slots),
});
const table = (width: number) => {
  const { tensor, data } = noise('bounds', [3, width], 4);
  return { tensor, data: data.map((x) => 1 / (1 + Math.exp(-x))) };
};

/** Slots of the rows, number of states, width. */
const cases: [slots: number[], count: number, width: number][] = [
  [[0], 1, 1],
  [[2, 0, 1], 3, 20],
  [[3, 3, 3, 0, 5, 5], 7, 33],
  [[1, 1, 1, 1, 1, 1, 1, 1, 0], 2, 18],
];

testOp('mlgruSlots', [
  ...cases.map(([slots, count, width]) => {
    const gates = [noise('i', [1, slots.length, width], 1), noise('f', [1, slots.length, width], 2)];
    return opCase(
      `slots ${slots} of ${count}, width ${width}, bounded`,
      [...gates, slotsOf(slots), noise('states', [count, width], 3), table(width)],
      (i, f, at, states, bounds) => Object.values(mlgruSlots(i!, f!, at!, states!, bounds!, 1)),
      { differentiate: [] },
    );
  }),
  opCase(
    'no bounds',
    [noise('i', [4, 7], 1), noise('f', [4, 7], 2), slotsOf([1, 0, 0, 2]), noise('states', [3, 7], 3)],
    (i, f, at, states) => Object.values(mlgruSlots(i!, f!, at!, states!, undefined, 0)),
    { differentiate: [] },
  ),
]);
