import { describe, expect, it } from 'vitest';
import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { bytesOf } from '../../engine/engine.ts';
import { ReferenceEngine } from '../../engine/reference/referenceEngine.ts';
import { output, record } from '../../program/record.ts';
import { input, type Tensor } from '../../program/tensor.ts';
import { add } from '../add/add.ts';
import { quantiseWeightsReference } from '../bitLinear/reference.ts';
import { backward } from '../gradients.ts';
import { quantiseReference } from './reference.ts';
import { ternaryLinear } from './ternaryLinear.ts';

const given = (rows: readonly number[], width: number, out: number) => [
  noise('x', [...rows, width], 11),
  noise('weight', [out, width], 13, { spread: 0.02 }),
];
const apply = (x?: Tensor, weight?: Tensor) => [ternaryLinear(x!, { weight: weight! })];

/** On tensor cores, operands of eleven bits give sums right to three digits and more. */
const options = { straightThrough: true, halfTolerance: 2e-3, gradientsOfProducts: true };

/** Rows, widths and outputs that are not multiples of tiles, vectors, planes or threads, and some that are. */
const shapes: [rows: number[], width: number, out: number][] = [
  [[1], 1, 1],
  [[1], 17, 5],
  [[1], 256, 64],
  [[2], 33, 7],
  [[2, 9], 100, 31],
  [[70], 272, 40],
  [[140], 160, 160], // several tiles of every kernel
];

testOp('ternaryLinear', [
  ...shapes.map(([rows, width, out]) =>
    opCase(`[${rows}, ${width}] → ${out}`, given(rows, width, out), apply, options),
  ),
  // Two inputs, not one after the other: whole sums would be quantised at ties, which rounding errors decide.
  opCase(
    'a matrix used twice',
    [...given([3], 24, 20), noise('z', [2, 24], 12)],
    (x, weight, z) => [
      ...apply(x, weight),
      ...apply(z, weight),
      add(apply(x, weight)[0]!, apply(x, weight)[0]!),
    ],
    options,
  ),
  opCase(
    'a row of zeros',
    [{ ...noise('x', [2, 20], 11), data: new Float32Array(40) }, given([2], 20, 6)[1]!],
    apply,
    options,
  ),
]);

describe('ternaryLinear, straight through', () => {
  // With the rounding errors of both quantisers held fixed the op is a product, whose gradients are known.
  it('gradients are those of the product of the quantised matrices', async () => {
    const [rows, width, out] = [3, 10, 6];
    const cases = given([rows], width, out);
    const tensors = cases.map(({ tensor }) => tensor);
    const seed = noise('seed', [rows, out], 14);
    const seedTensor = input('seed', [rows, out]);
    const engine = new ReferenceEngine();
    let gradients = new Map<Tensor, Tensor>();
    const program = record('ternaryLinear', () => {
      gradients = backward(new Map([[apply(...tensors)[0]!, seedTensor]]), tensors);
      gradients.forEach((gradient) => output(gradient));
    });
    cases.forEach(({ tensor, data }) => engine.write(tensor, bytesOf(data)));
    engine.write(seedTensor, bytesOf(seed.data));
    await engine.load(program).run();

    const [x, weight] = cases.map(({ data }) => Float64Array.from(data)) as [Float64Array, Float64Array];
    const { q, step } = quantiseReference(x, width);
    const { codes, scale } = quantiseWeightsReference(weight);
    const [dx, dWeight] = tensors.map((tensor) => engine.data(gradients.get(tensor)!));
    for (let c = 0; c < width; c++) {
      for (let row = 0; row < rows; row++) {
        let sum = 0;
        for (let o = 0; o < out; o++) sum += seed.data[row * out + o]! * codes[o * width + c]! * scale;
        expect(dx![row * width + c]).toBeCloseTo(sum, 10);
      }
      for (let o = 0; o < out; o++) {
        let sum = 0;
        for (let row = 0; row < rows; row++)
          sum += seed.data[row * out + o]! * q[row * width + c]! * step[row]!;
        expect(dWeight![o * width + c]).toBeCloseTo(sum, 10);
      }
    }
  });
});
