import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { roundHalfEven } from '../rounding.ts';
import { checkPacked, expandTernary, packTernary, quantiseMatrix, unpackTernary } from './packing.ts';

const matrices = fc
  .tuple(fc.integer({ min: 1, max: 11 }), fc.integer({ min: 1, max: 9 }))
  .chain(([rows, columns]) =>
    fc.record({
      rows: fc.constant(rows),
      columns: fc.constant(columns),
      values: fc.int8Array({ min: -1, max: 1, minLength: rows * columns, maxLength: rows * columns }),
    }),
  );

/** Rows of a matrix in memory. */
function rowsOf(matrix: Float32Array, columns: number) {
  return async (first: number, count: number) => matrix.slice(first * columns, (first + count) * columns);
}

async function quantise(matrix: Float32Array, rows: number, columns: number) {
  const packed = new Uint8Array(Math.ceil(rows / 4) * columns).fill(0xaa);
  const scale = await quantiseMatrix(rowsOf(matrix, columns), rows, columns, packed, 'matrix');
  return { packed, scale };
}

describe('packing', () => {
  it('puts row r + j·R into bits 2j of row r', () => {
    const packed = packTernary(Int8Array.of(-1, 0, 1, -1, 0, 1, 1, 1), 8, 1);
    expect([...packed]).toEqual([0b10_01_10_00, 0b10_10_00_01]);
  });

  it('fills rows beyond the last with zeros', () => {
    expect([...packTernary(Int8Array.of(1), 1, 1)]).toEqual([0b01_01_01_10]);
  });

  it('is undone by unpacking, also where the rows are not a multiple of 4', () => {
    fc.assert(
      fc.property(matrices, ({ rows, columns, values }) => {
        expect(unpackTernary(packTernary(values, rows, columns), rows, columns)).toEqual(values);
      }),
    );
  });

  it('refuses other values and lengths', () => {
    expect(() => packTernary(Int8Array.of(2), 1, 1)).toThrow('ternary value 0: found 2');
    expect(() => packTernary(Int8Array.of(1), 2, 1)).toThrow('found 1, expected 2');
    expect(() => unpackTernary(new Uint8Array(2), 4, 1)).toThrow('found 2, expected 1');
  });

  it('checks codes, and clears the padding that others leave', () => {
    const packed = Uint8Array.of(0b00_00_00_10);
    checkPacked(packed, 1, 1, 'x');
    expect([...packed]).toEqual([0b01_01_01_10]);
    for (const code of [0b11, 0b1100, 0b110000, 0b11000000]) {
      expect(() => checkPacked(Uint8Array.of(code), 4, 1, 'x')).toThrow('x: packed byte 0: found code 3');
    }
  });
});

describe('quantising', () => {
  it('does what the formula says', async () => {
    const numbers = fc.oneof(
      fc.float({ noNaN: true, min: -4, max: 4 }),
      fc.constantFrom(0, 0.5, -0.5, 1, -1, 1e-38),
    );
    const cases = fc
      .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 7 }))
      .chain(([rows, columns]) =>
        fc.tuple(
          fc.constant(rows),
          fc.constant(columns),
          fc.array(numbers, { minLength: rows * columns, maxLength: rows * columns }),
        ),
      );
    await fc.assert(
      fc.asyncProperty(cases, async ([rows, columns, list]) => {
        const matrix = Float32Array.from(list);
        const { packed, scale } = await quantise(matrix, rows, columns);
        const mean = matrix.reduce((sum, w) => sum + Math.abs(w), 0) / matrix.length;
        expect(scale).toBeCloseTo(Math.max(mean, 1e-5), 6);
        const expected = matrix.map(
          (w) => Math.max(-1, Math.min(1, roundHalfEven(Math.fround(w / scale)))) + 0,
        );
        expect([...unpackTernary(packed, rows, columns)]).toEqual([...expected].map((w) => w || 0));
      }),
      { numRuns: 300 },
    );
  });

  it('rounds at exactly half a scale to zero and just above to one', async () => {
    const above = new Float32Array(
      Int32Array.of(new Int32Array(Float32Array.of(0.5).buffer)[0]! + 1).buffer,
    )[0]!;
    const matrix = Float32Array.of(0.5, -0.5, above, -above, 1, 1, 2, 0);
    matrix[7] =
      8 - // makes the mean 1
      matrix.subarray(0, 7).reduce((sum, w) => sum + Math.abs(w), 0);
    const { packed, scale } = await quantise(matrix, 8, 1);
    expect(scale).toBe(1);
    expect([...unpackTernary(packed, 8, 1)].slice(0, 6)).toEqual([0, 0, 1, -1, 1, 1]);
  });

  it('goes through matrices of many chunks', async () => {
    const [rows, columns] = [1030, 3001];
    const matrix = Float32Array.from({ length: rows * columns }, (_, k) => Math.sin(k * 12.9898) * 2);
    const { packed, scale } = await quantise(matrix, rows, columns);
    const values = unpackTernary(packed, rows, columns);
    const wrong = matrix.findIndex((w, k) => values[k] !== Math.sign(w) * (Math.abs(w) > scale / 2 ? 1 : 0));
    expect(wrong).toBe(-1);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'refuses %s and says where',
    async (bad) => {
      const matrix = new Float32Array(15).fill(0.5);
      matrix[7] = bad;
      await expect(quantise(matrix, 5, 3)).rejects.toThrow(
        `matrix: weight [2, 1]: found ${bad}, expected a finite`,
      );
    },
  );

  it('takes zeros and the largest floats', async () => {
    expect(await quantise(new Float32Array(4), 4, 1)).toEqual({
      packed: Uint8Array.of(0b01010101),
      scale: Math.fround(1e-5),
    });
    const { packed } = await quantise(new Float32Array(4).fill(3.4e38), 4, 1);
    expect([...packed]).toEqual([0b10101010]);
  });
});

describe('expanding', () => {
  it('gives floats that quantise to the same matrix and scale', async () => {
    await fc.assert(
      fc.asyncProperty(matrices, fc.double({ min: 1e-4, max: 10, noNaN: true }), async (matrix, factor) => {
        const { rows, columns, values } = matrix;
        const scale = Math.fround(factor);
        const packed = packTernary(values, rows, columns);
        const floats = [...expandTernary(packed, rows, columns, scale)].flatMap((chunk) => [...chunk]);
        const again = await quantise(Float32Array.from(floats), rows, columns);
        expect(again.packed).toEqual(packed);
        if (values.some((value) => value !== 0)) expect(again.scale / scale).toBeCloseTo(1, 6);
      }),
    );
  });
});
