/** Matrices of I2_S: codes of a whole matrix with one scale, as the packed form of Hugging Face (packing.ts). */
import { packedRows } from '../../program/tensor.ts';
import type { Rows } from './rows.ts';

/** The lowest code of each of four bytes. */
const lowest = 0x03030303;
/** Four codes that stand for zero. */
const zeros = 0x01010101;

/**
 * Fills `target` with rows of the packed form [ceil(rows/4), columns], from row `first` on. A byte of I2_S holds four columns of one
 * row, 32 apart; a packed byte holds one column of four rows.
 */
export async function packI2(rows: Rows, first: number, target: Uint8Array): Promise<void> {
  const height = packedRows(rows.count);
  const count = target.length / rows.columns;
  const packed = new Uint32Array(target.buffer, target.byteOffset, target.length / 4).fill(0);
  for (let plane = 0; plane < 4; plane++) {
    const begin = first + plane * height;
    const present = Math.max(0, Math.min(count, rows.count - begin));
    const bytes = present > 0 ? await rows.read(begin, present) : new Uint8Array();
    addPlane(packed, new Uint32Array(bytes.buffer, 0, bytes.length / 4), 2 * plane);
    for (let k = bytes.length; k < packed.length; k++) packed[k]! |= zeros << (2 * plane);
  }
}

/** Four bytes at a time: a block of 128 columns is 8 words, each of which gives a word to each of its quarters. */
function addPlane(packed: Uint32Array, words: Uint32Array, shift: number): void {
  for (let k = 0; k < words.length; k++) {
    const word = words[k]!;
    const target = (k >> 3) * 32 + (k & 7);
    packed[target]! |= ((word >>> 6) & lowest) << shift;
    packed[target + 8]! |= ((word >>> 4) & lowest) << shift;
    packed[target + 16]! |= ((word >>> 2) & lowest) << shift;
    packed[target + 24]! |= (word & lowest) << shift;
  }
}
