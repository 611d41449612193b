import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packRowsInt8, unpackRowsInt8 } from './packingRows.ts';

fc.configureGlobal({ seed: 1 });

const rows = fc.integer({ min: 1, max: 7 }).chain((width) =>
  fc
    .array(
      fc.array(fc.float({ noNaN: true, min: -(2 ** 120), max: 2 ** 120 }), {
        minLength: width,
        maxLength: width,
      }),
      {
        minLength: 1,
        maxLength: 5,
      },
    )
    .map((values) => ({ width, table: Float32Array.from(values.flat()) })),
);

describe('tables of int8 rows', () => {
  it('are off by at most half a code, hold the largest entry, and keep signs and zeros', () => {
    fc.assert(
      fc.property(rows, ({ width, table }) => {
        const { codes, scales } = packRowsInt8(table, width);
        const again = unpackRowsInt8(codes, scales, width);
        table.forEach((x, k) => {
          const scale = scales[Math.floor(k / width)]!;
          expect(codes[k]).toBeGreaterThanOrEqual(-127);
          // Scales near the smallest float are themselves rounded by as much.
          expect(Math.abs(again[k]! - x)).toBeLessThanOrEqual(0.5001 * scale + 128 * 2 ** -149);
          expect(codes[k]! * x).toBeGreaterThanOrEqual(0);
          if (x === 0) expect(codes[k]! === 0).toBe(true);
        });
      }),
    );
  });

  it('are the same again when they are packed again', () => {
    fc.assert(
      fc.property(rows, ({ width, table }) => {
        const ordinary = table.map((x) => (Math.abs(x) > 1e30 || Math.abs(x) < 1e-30 ? 0 : x));
        const { codes, scales } = packRowsInt8(ordinary, width);
        expect(packRowsInt8(unpackRowsInt8(codes, scales, width), width).codes).toEqual(codes);
      }),
    );
  });
});
