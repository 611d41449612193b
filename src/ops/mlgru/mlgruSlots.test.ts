import { noise, opCase, slotCases, slotsOf, testOp } from '../../../test/opSuite.ts';
import { mlgru } from './mlgru.ts';

const table = (width: number) => {
  const { tensor, data } = noise('bounds', [3, width], 4);
  return { tensor, data: data.map((x) => 1 / (1 + Math.exp(-x))) };
};

testOp('mlgru in slots', [
  ...slotCases.map(({ slots, count, width }) => {
    const gates = [noise('i', [1, slots.length, width], 1), noise('f', [1, slots.length, width], 2)];
    return opCase(
      `slots ${slots} of ${count}, width ${width}, bounded`,
      [...gates, slotsOf(slots), noise('states', [count, width], 3), table(width)],
      (i, f, at, state, bounds) =>
        Object.values(
          mlgru(i!, f!, { layout: { kind: 'slots', slots: at! }, state: state!, bounds: bounds!, layer: 1 }),
        ),
      { differentiate: [] },
    );
  }),
  opCase(
    'no bounds',
    [noise('i', [1, 4, 7], 1), noise('f', [1, 4, 7], 2), slotsOf([1, 0, 0, 2]), noise('states', [3, 7], 3)],
    (i, f, at, state) =>
      Object.values(
        mlgru(i!, f!, { layout: { kind: 'slots', slots: at! }, state: state!, bounds: undefined, layer: 0 }),
      ),
    { differentiate: [] },
  ),
]);
