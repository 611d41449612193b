import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../text/seededRandom.ts';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from './floats.ts';
import { type RecognisedGroups, readSigns, recogniseGroups, refuseDeviation } from './packingGroups.ts';

fc.configureGlobal({ seed: 1 });

const rowsOf = (floats: Float32Array, columns: number) => async (first: number, count: number) =>
  floats.slice(first * columns, (first + count) * columns);

/** Rounds as a file of this type does. */
const stored = {
  f16: (x: Float32Array) => f16ToF32(f32ToF16(x, new Uint16Array(x.length)), x),
  bf16: (x: Float32Array) => bf16ToF32(f32ToBf16(x, new Uint16Array(x.length)), x),
  f32: (x: Float32Array) => x,
};

const matrices = fc
  .record({
    rows: fc.integer({ min: 1, max: 70 }),
    blocks: fc.integer({ min: 1, max: 3 }),
    group: fc.constantFrom(64, 128, 256),
    type: fc.constantFrom('ternary' as const, 'binary' as const),
    file: fc.constantFrom('f16' as const, 'bf16' as const, 'f32' as const),
    seed: fc.integer({ min: 1, max: 1e9 }),
  })
  .map(({ rows, blocks, group, type, file, seed }) => {
    const columns = blocks * 256;
    const random = new SeededRandom(seed);
    const draw = () => random.uniform();
    const scales = stored[file](Float32Array.from({ length: (rows * columns) / group }, () => 0.01 + draw()));
    const codes = Int8Array.from({ length: rows * columns }, () =>
      type === 'binary' ? (draw() < 0.5 ? -1 : 1) : Math.floor(3 * draw()) - 1,
    );
    const floats = Float32Array.from(codes, (code, k) => code * scales[Math.floor(k / group)]!);
    return { rows, columns, group, type, file, codes, scales, floats };
  });

/** What a recognised matrix stands for. */
async function unpacked(floats: Float32Array, rows: number, columns: number, found: RecognisedGroups) {
  const signs: number[] = [];
  for await (const some of readSigns(rowsOf(floats, columns), rows, columns)) signs.push(...some);
  return Float32Array.from(signs, (sign, k) => sign * found.scales[Math.floor(k / found.group)]!);
}

/** The form without its scales. */
async function formOf(floats: Float32Array, rows: number, columns: number) {
  const found = await recogniseGroups(rowsOf(floats, columns), rows, columns);
  if (!('type' in found)) throw new Error(`expected groups, found entry [${found.row}, ${found.column}]`);
  const { scales: _, ...form } = found;
  return { form, again: await unpacked(floats, rows, columns, found) };
}

describe('floats that are codes times scales', () => {
  it('are recognised with the fewest scales, and packed exactly', async () => {
    await fc.assert(
      fc.asyncProperty(matrices, async ({ rows, columns, group, type, file, floats }) => {
        const { form, again } = await formOf(floats, rows, columns);
        expect(form).toEqual({ type, group, halves: file !== 'f32' });
        expect(again).toEqual(floats.map((x) => x + 0));
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    [0.3, 0.25],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined],
  ])('are refused with the first entry that deviates: %d', async (value, scale) => {
    const [rows, columns] = [5, 128];
    const floats = new Float32Array(rows * columns).map((_, k) => 0.25 * ((k % 3) - 1));
    floats[3 * columns + 77] = value;
    floats[4 * columns + 1] = 9;
    const found = await recogniseGroups(rowsOf(floats, columns), rows, columns);
    expect(found).toEqual({ row: 3, column: 77, found: Math.fround(value), scale });
    if ('type' in found) throw new Error('expected a deviation');
    expect(() => refuseDeviation(found, 'a matrix')).toThrow(
      /^a matrix: entry \[3, 77\]: found .*, expected/,
    );
  });

  it('keep scales in f32 that f16 would round, and a group of zeros', async () => {
    const floats = new Float32Array(2 * 64).fill(1e-7, 0, 64);
    const { form, again } = await formOf(floats, 2, 64);
    expect(form).toEqual({ type: 'ternary', group: 64, halves: false });
    expect(again).toEqual(floats);
  });
});
