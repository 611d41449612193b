import { describe, expect, it } from 'vitest';
import { noise, opCase, testOp } from '../../../test/opSuite.ts';
import { CpuEngine } from '../../engine/cpu/cpuEngine.ts';
import { bytesOf, readFloats } from '../../engine/engine.ts';
import { output, record } from '../../program/record.ts';
import { input, type Tensor } from '../../program/tensor.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { groupedLinear } from './groupedLinear.ts';
import { emptyCodes, type GroupedType, packCodes, packScales, unpackCodes, unpackScales } from './packed.ts';
import { blockSize, roundRowsReference } from './reference.ts';
import { randomMatrix } from './testing.ts';

/** Rows, widths, groups and outputs that are not multiples of tiles or of blocks of 32, and some that are. */
const shapes: [rows: number[], width: number, group: number, out: number][] = [
  [[1], 16, 16, 1],
  [[1], 48, 16, 5],
  [[1], 256, 128, 64],
  [[1], 512, 256, 200],
  [[2], 96, 32, 33],
  [[2, 9], 192, 64, 95],
  [[70], 384, 128, 40],
  [[33], 128, 128, 160],
];

/** Codes of four bits have groups of at least 32. */
const shapesOf = (type: GroupedType) => shapes.filter(([, , group]) => type !== 'u4' || group >= 32);

const types: readonly GroupedType[] = ['ternary', 'binary', 'u4', 'i8'];

testOp('groupedLinear', [
  ...types.flatMap((type) =>
    shapesOf(type).map(([rows, width, group, out]) =>
      opCase(
        `${type}, [${rows}, ${width}] → ${out}, groups of ${group}`,
        [noise('x', [...rows, width], 3), ...randomMatrix(type, out, width, group)],
        (x, codes, scales) => [groupedLinear(x!, { codes: codes!, scales: scales! })],
        { differentiate: [] },
      ),
    ),
  ),
  ...types.map((type) =>
    opCase(
      `${type}, scales in f32, a bias`,
      [noise('x', [3, 128], 5), ...randomMatrix(type, 37, 128, 64, false), noise('bias', [37], 6)],
      (x, codes, scales, bias) => [groupedLinear(x!, { codes: codes!, scales: scales!, bias: bias! })],
      { differentiate: [] },
    ),
  ),
  ...(['u4', 'i8'] as const).flatMap((type) =>
    [[1], [3], [70]].map((rows) =>
      opCase(
        `${type} with offsets, [${rows}, 96] → 21, groups of 32, a bias`,
        [
          ...[noise('x', [...rows, 96], 3), ...randomMatrix(type, 21, 96, 32, false)],
          ...[noise('offsets', [21, 3], 7), noise('bias', [21], 6)],
        ],
        (x, codes, scales, offsets, bias) => [
          groupedLinear(x!, { codes: codes!, scales: scales!, offsets: offsets!, bias: bias! }),
        ],
        { differentiate: [] },
      ),
    ),
  ),
  // A thread of the CPU keeps a rounded row for the products of a phase: not for those of other rows and groups.
  opCase(
    'two rows with matrices of two groups, in turns',
    [
      noise('x', [1, 128], 3),
      noise('z', [1, 128], 4),
      ...randomMatrix('ternary', 40, 128, 64),
      ...randomMatrix('binary', 40, 128, 32),
    ],
    (x, z, codes, scales, otherCodes, otherScales) =>
      [x!, z!, x!].flatMap((row) => [
        groupedLinear(row, { codes: codes!, scales: scales! }),
        groupedLinear(row, { codes: otherCodes!, scales: otherScales! }),
      ]),
    { differentiate: [] },
  ),
  ...types.map((type) =>
    opCase(
      `${type}, a row of zeros, and one with an outlier`,
      [outliers(2, 256), ...randomMatrix(type, 40, 256, 128)],
      (x, codes, scales) => [groupedLinear(x!, { codes: codes!, scales: scales! })],
      { differentiate: [] },
    ),
  ),
]);

/** A row of zeros, then rows in which one activation is 10,000 times as large as the others. */
function outliers(rows: number, width: number) {
  const x = noise('x', [rows, width], 9);
  x.data.fill(0, 0, width);
  for (let row = 1; row < rows; row++) x.data[row * width + 40] = 1e4;
  return x;
}

describe('grouped matrices in memory', () => {
  it.each(types)('are unpacked as they were packed, in pieces: %s', (type) => {
    for (const out of [1, 7, 31, 32, 33, 63, 64, 65, 130]) {
      const [width, groups] = [32, 2];
      const random = new SeededRandom(out);
      const draw = type === 'u4' ? () => random.integer(16) : () => 2 * random.integer(2) - 1;
      const codes = Int8Array.from({ length: out * width }, draw);
      const scales = Float32Array.from({ length: out * groups }, () => random.uniform());
      const bytes = emptyCodes(type, [out, width]);
      const placed = new Float32Array(out * groups);
      for (let row = 0; row < out; row += 5) {
        packCodes(type, [out, width], codes.subarray(row * width, (row + 5) * width), row, bytes);
        packScales(type, [out, groups], scales.subarray(row * groups, (row + 5) * groups), row, placed);
      }
      expect(unpackCodes(type, [out, width], bytes)).toEqual(codes);
      expect(Float32Array.from(unpackScales(type, [out, groups], placed))).toEqual(scales);
    }
  });
});

describe('groupedLinear on the CPU', () => {
  it.each(types)('gives a row the same bits alone and among others: %s', async (type) => {
    const [rows, width, out] = [5, 256, 75];
    const x = noise('x', [rows, width], 3);
    const matrix = randomMatrix(type, out, width, 64);
    const [codes, scales] = matrix.map(({ tensor }) => tensor) as [Tensor, Tensor];
    const engine = await CpuEngine.create({ threads: 1 });
    for (const { tensor, data } of matrix) engine.write(tensor, bytesOf(data));
    const product = async (data: Float32Array) => {
      const some = input('x', [data.length / width, width]);
      let y: Tensor | undefined;
      const program = record('product', () => {
        y = output(groupedLinear(some, { codes, scales }));
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
  });
});

describe('activations in int8', () => {
  it('are off by at most half a step of their block, which its largest one fills but for a unit', () => {
    const width = 208;
    const random = new SeededRandom(4);
    const x = Float64Array.from(
      { length: 2 * width },
      (_, i) => random.uniform() * 10 ** -(Math.floor(i / 16) % 5),
    );
    const { q, units, unit } = roundRowsReference(x, width);
    const blocks = Math.ceil(width / blockSize);
    x.forEach((value, i) => {
      const block = Math.floor(i / width) * blocks + Math.floor((i % width) / blockSize);
      const step = unit[Math.floor(i / width)]! * units[block]!;
      expect(Math.abs(q[i]!)).toBeLessThanOrEqual(127);
      expect(Math.abs(q[i]! * step - value)).toBeLessThanOrEqual(0.5000001 * step);
      const first = i - ((i % width) % blockSize);
      const largest = Math.max(
        ...x.subarray(first, Math.min(first + blockSize, Math.ceil((i + 1) / width) * width)),
      );
      expect(step).toBeLessThanOrEqual(largest / 127 + unit[Math.floor(i / width)]! * 1.0000001);
    });
  });
});
