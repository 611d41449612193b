import { expect, it } from 'vitest';
import { beatBytes, lanes } from './parameters.ts';
import { blockProducts, byteSums } from './ternaryProduct.ts';
import { xorshift } from './testing.ts';

/** The definition of docs/accelerator.md, weight by weight. */
function plainProduct(bank: Int8Array, weights: Uint8Array, offset: number, beats: number): number[] {
  return Array.from({ length: lanes }, (_, row) => {
    let sum = 0;
    for (let column = 0; column < beats * lanes; column++) {
      const bit = 2 * (lanes * row + (column % lanes));
      const at = (offset + Math.floor(column / lanes)) * beatBytes + (bit >> 3);
      const code = (weights[at]! >> (bit & 7)) & 3;
      sum += code === 3 ? 0 : bank[column]! * (code - 1);
    }
    return sum;
  });
}

it('adds and subtracts as the definition says, whatever the codes, in blocks of any length and place', () => {
  for (const [seed, beats] of [1, 2, 7, 8, 9, 31].entries()) {
    const below = xorshift(seed + 1);
    const bank = Int8Array.from({ length: beats * lanes }, () => [-128, 127, 0, below(256)][below(4)]!);
    const blocks = 5;
    const weights = Uint8Array.from({ length: (blocks + 1) * beats * beatBytes }, () => below(256));
    const sums = new Int16Array(beats * 4 * 256);
    byteSums(bank, beats * lanes, sums);
    // The third is not there; the last begins where no block before it ended.
    const offsets = [0, 1, -1, 3, 4.5].map((block) => (block < 0 ? -1 : Math.floor(block * beats)));
    const results = new Int32Array(blocks * lanes).fill(77);
    blockProducts(new Int32Array(weights.buffer), offsets, beats, sums, results);
    const expected = offsets.flatMap((offset) =>
      offset < 0 ? new Array<number>(lanes).fill(77) : plainProduct(bank, weights, offset, beats),
    );
    expect([...results]).toEqual(expected);
  }
});
