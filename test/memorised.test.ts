/** When the page says that a model memorises: held-out loss stands still while training loss falls. */
import { expect, it } from 'vitest';
import { isMemorising } from '../web/src/parts/memorised.tsx';

type Curve = (step: number) => number;

/** 100 steps, validated every 12. */
function curves(training: Curve, heldOut: Curve): [[number, number][], [number, number][]] {
  const losses = Array.from({ length: 100 }, (_, k): [number, number] => [k + 1, training(k + 1)]);
  const validations = Array.from({ length: 9 }, (_, k): [number, number] => [12 * k, heldOut(12 * k)]);
  return [losses, validations];
}

const falling: Curve = (step) => 2 + 4 * Math.exp(-step / 25);
const standing: Curve = (step) => Math.max(3.5, 7 - step / 10);

it.each([
  ['held-out loss stands still while the other falls', falling, standing, true],
  ['both fall', falling, (step: number) => falling(step) + 0.1, false],
  ['both stand still', standing, standing, false],
  ['held-out loss rises', falling, (step: number) => standing(step) + Math.max(0, step - 50) / 50, true],
] as const)('%s', (_, training, heldOut, expected) => {
  expect(isMemorising(...curves(training, heldOut))).toBe(expected);
});

it('waits for four validations', () => {
  const [losses, validations] = curves(falling, standing);
  expect(isMemorising(losses, validations.slice(0, 3))).toBe(false);
});
