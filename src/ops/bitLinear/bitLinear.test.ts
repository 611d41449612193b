import { describe, expect, it } from 'vitest';
import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { bytesOf } from '../../engine/engine.ts';
import { ReferenceEngine } from '../../engine/reference/referenceEngine.ts';
import { output, record } from '../../program/record.ts';
import { input, type Tensor } from '../../program/tensor.ts';
import { add } from '../add/add.ts';
import { backward } from '../gradients.ts';
import { rmsNormReference } from '../rmsNorm/reference.ts';
import { bitLinear } from './bitLinear.ts';
import { quantiseActivationsReference, quantiseWeightsReference } from './reference.ts';

const given = (rows: readonly number[], width: number, out: number) => [
  noise('x', [...rows, width], 11),
  noise('norm', [width], 12, { mean: 1, spread: 0.3 }),
  noise('weight', [out, width], 13, { spread: 0.02 }),
];
const filled = (name: string, shape: number[], value: number) => {
  const tensor = input(name, shape);
  return { tensor, data: new Float32Array(tensor.size).fill(value) };
};
const apply = (x?: Tensor, norm?: Tensor, weight?: Tensor) => [
  bitLinear(x!, { norm: norm!, weight: weight! }),
];

/** On tensor cores, operands of eleven bits give sums right to three digits and more. */
const options = { straightThrough: true, halfTolerance: 2e-3, gradientsOfProducts: true };

/** Rows, widths and outputs that are not multiples of tiles, vectors, planes or threads, and some that are. */
const shapes: [rows: number[], width: number, out: number][] = [
  [[1], 1, 1],
  [[1], 16, 4],
  [[1], 17, 5],
  [[1], 300, 9],
  [[1], 1024, 64],
  [[1], 2100, 24], // longer than 16-bit sums may be gathered
  [[2], 33, 7],
  [[3], 48, 12],
  [[1, 5], 64, 20],
  [[2, 9], 260, 31],
  [[70], 272, 40],
  [[140], 160, 160], // several tiles of every kernel
  // Large enough for tensor cores in the backward pass too.
  [[150], 200, 160],
  [[530], 88, 96], // so many rows that their sum is taken in parts
];

testOp('bitLinear', [
  ...shapes.map(([rows, width, out]) =>
    opCase(`[${rows}, ${width}] → ${out}`, given(rows, width, out), apply, options),
  ),
  // Every product as large as it can be, of one sign: 16-bit sums gather as much as they ever will, and 32-bit sums
  // of the longest rows of bytes, of 2^16 columns, and of rows that are too long for those.
  ...(
    [
      [1, 4400],
      [2, 4400],
      [8, 4400],
      [1, 65536],
      [2, 65552],
    ] as const
  ).map(([rows, width]) =>
    opCase(
      `the largest sums, ${rows} rows of ${width}`,
      [filled('x', [rows, width], -1), filled('norm', [width], 1), filled('weight', [9, width], 0.5)],
      apply,
      { ...options, differentiate: [] }, // of equal elements the norm has no gradient but rounding errors
    ),
  ),
  opCase('deeper than a block of the backward product', given([300], 40, 280), apply, options),
  opCase(
    'parameters used twice',
    given([3], 24, 24),
    (x, norm, weight) => {
      const once = bitLinear(x!, { norm: norm!, weight: weight! });
      return [
        add(
          bitLinear(once, { norm: norm!, weight: weight! }),
          bitLinear(x!, { norm: norm!, weight: weight! }),
        ),
      ];
    },
    options,
  ),
]);

describe('bitLinear, straight through', () => {
  // With the rounding errors of both quantisers held fixed, the op is smooth and its derivative is, by
  // definition, the straight-through gradient.
  it('gradients match finite differences of the op with fixed rounding errors', async () => {
    const [rows, width, out] = [3, 10, 6];
    const cases = given([rows], width, out);
    const [x, gamma, weight] = cases.map(({ data }) => Float64Array.from(data)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const { q, step } = quantiseActivationsReference(x, gamma);
    const y0 = new Float64Array(x.length);
    rmsNormReference(x, gamma, 1e-6, y0);
    const { codes, scale } = quantiseWeightsReference(weight);
    const activationError = q.map((value, i) => value * step[Math.floor(i / width)]! - y0[i]!);
    const weightError = codes.map((code, i) => code * scale - weight[i]!);
    const seed = noise('seed', [rows, out], 14);

    const smooth = () => {
      const y = new Float64Array(x.length);
      rmsNormReference(x, gamma, 1e-6, y);
      let sum = 0;
      for (let r = 0; r < rows; r++) {
        for (let o = 0; o < out; o++) {
          for (let c = 0; c < width; c++) {
            const a = y[r * width + c]! + activationError[r * width + c]!;
            sum += seed.data[r * out + o]! * a * (weight[o * width + c]! + weightError[o * width + c]!);
          }
        }
      }
      return sum;
    };

    const engine = new ReferenceEngine();
    const seedTensor = input('seed', [rows, out]);
    let gradients = new Map<Tensor, Tensor>();
    const tensors = cases.map(({ tensor }) => tensor);
    const program = record('bitLinear', () => {
      gradients = backward(new Map([[apply(...tensors)[0]!, seedTensor]]), tensors);
      gradients.forEach((gradient) => output(gradient));
    });
    cases.forEach(({ tensor, data }) => engine.write(tensor, bytesOf(data)));
    engine.write(seedTensor, bytesOf(seed.data));
    await engine.load(program).run();

    [x, gamma, weight].forEach((values, index) => {
      const found = engine.data(gradients.get(tensors[index]!)!);
      values.forEach((value, i) => {
        values[i] = value + 1e-6;
        const above = smooth();
        values[i] = value - 1e-6;
        const below = smooth();
        values[i] = value;
        expect(found[i], `${tensors[index]!.name}[${i}]`).toBeCloseTo((above - below) / 2e-6, 5);
      });
    });
  });
});
