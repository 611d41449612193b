import { noise, opCase, slotCases, slotsOf, testOp } from '../../../test/opSuite.ts';
import { batch } from '../sequences.ts';
import { wkv } from './wkv.ts';

/** k, v, decay, bonus; `spread` is that of the keys, which stand in an exponent. */
const given = ([batch, length, width]: readonly number[], spread = 1) => [
  noise('k', [batch!, length!, width!], 1, { spread }),
  noise('v', [batch!, length!, width!], 2),
  noise('decay', [width!], 3, { mean: -1 }),
  noise('bonus', [width!], 4),
];

/** Sums and maxima as tokens may leave them: weights are positive. */
const start = ([batch, , width]: readonly number[]) => {
  const { tensor, data } = noise('start', [batch!, 3 * width!], 5);
  const isWeight = (i: number) => Math.floor(i / width!) % 3 === 1;
  return { tensor, data: data.map((x, i) => (isWeight(i) ? 0.1 + Math.abs(x) : x)) };
};

const shapes = [
  [1, 1, 1],
  [1, 1, 20],
  [2, 5, 7],
  [3, 2, 33],
  [2, 50, 5], // several chunks on a GPU
];

const extreme = given([1, 40, 9], 60);

testOp('wkv', [
  ...shapes.map((shape) =>
    opCase(`[${shape}], from no token`, given(shape), (k, v, w, u) =>
      Object.values(wkv(k!, v!, { decay: w!, bonus: u!, layout: batch, state: undefined })),
    ),
  ),
  ...shapes.map((shape) =>
    opCase(`[${shape}], from a state`, [...given(shape), start(shape)], (k, v, w, u, s) =>
      Object.values(wkv(k!, v!, { decay: w!, bonus: u!, layout: batch, state: s! })),
    ),
  ),
  opCase(
    'exponents beyond 88, whose exponentials no float holds, from a state of zeros',
    [...extreme, { tensor: start([1, 1, 9]).tensor, data: new Float32Array(27) }],
    (k, v, w, u, s) => [wkv(k!, v!, { decay: w!, bonus: u!, layout: batch, state: s! }).y],
    // Floats beyond 64 are rounded to 4e-6 or more, the maximum again with each of 40 tokens; e^x differs as x does.
    { differentiate: extreme.map(({ tensor }) => tensor), tolerance: 2e-4 },
  ),
  opCase('two layers share decay and bonus', given([2, 3, 6]), (k, v, w, u) => {
    const first = wkv(k!, v!, { decay: w!, bonus: u!, layout: batch, state: undefined });
    return Object.values(wkv(first.y, v!, { decay: w!, bonus: u!, layout: batch, state: first.next }));
  }),
]);

testOp('wkv in slots', [
  ...slotCases.map(({ slots, count, width }) =>
    opCase(
      `slots ${slots} of ${count}, width ${width}`,
      [...given([1, slots.length, width]), slotsOf(slots), start([count, 1, width])],
      (k, v, decay, bonus, at, state) =>
        Object.values(
          wkv(k!, v!, { decay: decay!, bonus: bonus!, layout: { kind: 'slots', slots: at! }, state: state! }),
        ),
      { differentiate: [] },
    ),
  ),
  opCase(
    'slots that have seen no token',
    [
      ...given([1, 5, 9]),
      slotsOf([2, 2, 0, 0, 0]),
      { tensor: start([4, 1, 9]).tensor, data: new Float32Array(4 * 27) },
    ],
    (k, v, decay, bonus, at, state) =>
      Object.values(
        wkv(k!, v!, { decay: decay!, bonus: bonus!, layout: { kind: 'slots', slots: at! }, state: state! }),
      ),
    { differentiate: [] },
  ),
]);
