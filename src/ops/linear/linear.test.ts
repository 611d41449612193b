import { describe, expect, it } from 'vitest';
import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { CpuEngine } from '../../engine/cpu/cpuEngine.ts';
import { bytesOf, readFloats } from '../../engine/engine.ts';
import { output, record } from '../../program/record.ts';
import { input, type Tensor } from '../../program/tensor.ts';
import { add } from '../add/add.ts';
import { linear } from './linear.ts';

const given = (rows: readonly number[], width: number, out: number) => [
  noise('x', [...rows, width], 1),
  noise('weight', [out, width], 2, { spread: 0.3 }),
];

/** 16-bit floats of ordinary size, zeros and subnormals among them. */
function halves(dtype: 'f16' | 'bf16', out: number, width: number) {
  const data = Uint16Array.from(
    { length: out * width },
    (_, i) => (i % 9 === 0 ? i >> 3 : 0x3400 + ((i * 37) % 0x800)) | (i % 3 === 0 ? 0x8000 : 0),
  );
  return { tensor: input('weight', [out, width], dtype), data };
}

/** Codes of the whole range, and a scale for each row. */
function int8Rows(out: number, width: number) {
  const data = Int8Array.from({ length: out * width }, (_, i) => ((i * 37) % 255) - 127);
  const scales = Float32Array.from({ length: out }, (_, row) => 0.001 * ((row % 7) + 1));
  return [
    { tensor: input('weight', [out, width], 'i8'), data },
    { tensor: input('scales', [out]), data: scales },
  ];
}

/** Rows, widths and outputs that are not multiples of tiles, vectors or threads, and some that are. */
const shapes: [rows: number[], width: number, out: number][] = [
  [[1], 1, 1],
  [[1], 7, 3],
  [[3], 16, 8],
  [[2, 2], 33, 17],
  [[1, 9], 40, 70],
];
/** Whole blocks of the panel product, and a bit more: too many numbers for finite differences. */
const largeShapes: [rows: number[], width: number, out: number][] = [
  [[1], 530, 40],
  [[70], 300, 130],
];

testOp('linear', [
  ...shapes.map(([rows, width, out]) =>
    opCase(`[${rows}, ${width}] → ${out}`, given(rows, width, out), (x, w) => [linear(x!, w!)]),
  ),
  ...largeShapes.map(([rows, width, out]) =>
    opCase(`[${rows}, ${width}] → ${out}`, given(rows, width, out), (x, w) => [linear(x!, w!)], {
      straightThrough: true,
      gradientsOfProducts: true,
    }),
  ),
  opCase(
    '[128] rows, 256 → 136, as tensor cores take them',
    given([128], 256, 136),
    (x, w) => [linear(x!, w!)],
    {
      straightThrough: true,
      halfTolerance: 2e-3,
      gradientsOfProducts: true,
    },
  ),
  opCase(
    '[128] rows, 256 → 136, f16 weights, as tensor cores take them',
    [given([128], 256, 136)[0]!, halves('f16', 136, 256)],
    (x, w) => [linear(x!, w!)],
    { differentiate: [], halfTolerance: 2e-3 },
  ),
  opCase(
    '[128] rows, 256 → 136, int8 weights, as tensor cores take them',
    [given([128], 256, 136)[0]!, ...int8Rows(136, 256)],
    (x, w, s) => [linear(x!, w!, s!)],
    { differentiate: [], halfTolerance: 2e-3 },
  ),
  opCase('x and weight used twice', given([3], 12, 12), (x, w) => [
    add(linear(linear(x!, w!), w!), linear(x!, w!)),
  ]),
  ...[...shapes, ...largeShapes].map(([rows, width, out]) =>
    opCase(
      `int8 rows, [${rows}, ${width}] → ${out}`,
      [given(rows, width, out)[0]!, ...int8Rows(out, width)],
      (x, w, s) => [linear(x!, w!, s!)],
      { differentiate: [] },
    ),
  ),
  ...(['f16', 'bf16'] as const).flatMap((dtype) =>
    shapes.map(([rows, width, out]) =>
      opCase(
        `${dtype} weights, [${rows}, ${width}] → ${out}`,
        [given(rows, width, out)[0]!, halves(dtype, out, width)],
        (x, w) => [linear(x!, w!)],
        { differentiate: [] },
      ),
    ),
  ),
]);

describe('linear on the CPU', () => {
  it.each([true, false])(
    'gives a row the same bits alone and among others (relaxed SIMD: %s)',
    async (relaxedSimd) => {
      const engine = await CpuEngine.create({ threads: 1, relaxedSimd });
      const [rows, width, out] = [6, 523, 21];
      const [x, weight] = given([rows], width, out) as [ReturnType<typeof noise>, ReturnType<typeof noise>];
      engine.write(weight.tensor, bytesOf(weight.data));
      const product = async (data: Float32Array) => {
        const some = input('x', [data.length / width, width]);
        let y: Tensor | undefined;
        const program = record('product', () => {
          y = output(linear(some, weight.tensor));
        });
        engine.write(some, bytesOf(data));
        await engine.load(program).run();
        return readFloats(engine, y!);
      };
      const together = await product(x.data);
      for (let row = 0; row < rows; row++) {
        const alone = await product(x.data.subarray(row * width, (row + 1) * width));
        expect(alone).toEqual(together.subarray(row * out, (row + 1) * out));
      }
      await engine.dispose();
    },
  );

  it.each([1, 6])('passes infinite and NaN halves on, %i row(s)', async (rows) => {
    const [width, out] = [24, 9];
    const engine = await CpuEngine.create({ threads: 1, native: false });
    const [x, weight] = [input('x', [rows, width]), input('weight', [out, width], 'f16')];
    let y: Tensor | undefined;
    const program = record('product', () => {
      y = output(linear(x, weight));
    });
    const halves = new Uint16Array(out * width).fill(0x3c00); // 1
    halves[width + 2] = 0x7c00; // infinity
    halves[3 * width + 9] = 0xfc00;
    halves[8 * width + 23] = 0x7e00; // NaN, in a row past the last eight
    engine.write(weight, bytesOf(halves));
    engine.write(x, bytesOf(new Float32Array(rows * width).fill(1)));
    await engine.load(program).run();
    const row = [24, Infinity, 24, -Infinity, 24, 24, 24, 24];
    const found = await readFloats(engine, y!);
    for (let k = 0; k < rows; k++) {
      const own = [...found.subarray(k * out, (k + 1) * out)];
      expect(own.slice(0, 8)).toEqual(row);
      expect(Number.isFinite(own[8])).toBe(false);
    }
    await engine.dispose();
  });
});
