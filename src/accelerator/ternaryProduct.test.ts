import { describe, expect, it } from 'vitest';
import { blockProducts, byteSums } from './ternaryProduct.ts';
import { xorshift } from './testing.ts';

interface Shape {
  readonly lanes: number;
  readonly columns: number;
}

/** The code of a weight, as docs/accelerator.md defines it: two bits, or a digit in base 3 of a byte. */
function codeOf(row: Uint8Array, column: number, columns: number): number {
  if (columns === 16) return (row[column >> 2]! >> (2 * (column & 3))) & 3;
  const quotient = Math.floor(row[Math.floor(column / 5)]! / 3 ** (column % 5));
  return column % 5 === 4 ? quotient : quotient % 3;
}

/** The definition of docs/accelerator.md, weight by weight. */
function plainProduct(
  bank: Int8Array,
  weights: Uint8Array,
  { offset, beats, lanes, columns }: Shape & { readonly offset: number; readonly beats: number },
): number[] {
  return Array.from({ length: lanes }, (_, row) => {
    let sum = 0;
    for (let column = 0; column < beats * columns; column++) {
      const at = 4 * (lanes * (offset + Math.floor(column / columns)) + row);
      const code = codeOf(weights.subarray(at, at + 4), column % columns, columns);
      sum += code === 3 ? 0 : bank[column]! * (code - 1);
    }
    return sum;
  });
}

describe.each<Shape>([
  { lanes: 16, columns: 16 },
  { lanes: 16, columns: 20 },
  { lanes: 4, columns: 16 },
  { lanes: 8, columns: 20 },
])('$lanes rows of $columns columns', (shape) => {
  const { lanes, columns } = shape;

  it('are added and subtracted as the definition says, whatever the codes, in blocks of any length and place', () => {
    for (const [seed, beats] of [1, 2, 7, 8, 9, 31].entries()) {
      const below = xorshift(seed + 1);
      const bank = Int8Array.from({ length: beats * columns }, () => [-128, 127, 0, below(256)][below(4)]!);
      const blocks = 5;
      const weights = Uint8Array.from({ length: (blocks + 1) * beats * 4 * lanes }, () => below(256));
      const sums = new Int16Array(beats * 4 * 256);
      byteSums(bank, beats * columns, columns, sums);
      // The third is not there; the last begins where no block before it ended.
      const offsets = [0, 1, -1, 3, 4.5].map((block) => (block < 0 ? -1 : Math.floor(block * beats)));
      const results = new Int32Array(blocks * lanes).fill(77);
      blockProducts(new Int32Array(weights.buffer), offsets, { beats, lanes }, sums, results);
      const expected = offsets.flatMap((offset) =>
        offset < 0
          ? new Array<number>(lanes).fill(77)
          : plainProduct(bank, weights, { offset, beats, ...shape }),
      );
      expect([...results]).toEqual(expected);
    }
  });
});
