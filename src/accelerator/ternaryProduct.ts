/**
 * The function of a core's array: sums of activations under ternary weights, added, subtracted or skipped. Four
 * weights share a byte, so the sum of four activations under each of the 256 bytes is tabulated once for each
 * four columns, and a byte costs one addition here; the sums are the same.
 */
import { beatBytes, lanes } from './parameters.ts';

/** Bytes of a row in a beat: a 32-bit word. */
const rowBytes = beatBytes / lanes;
/** 32-bit words of a beat. */
export const beatWords = beatBytes / rowBytes;

/** Beats of columns whose tables, 2 KB each, stay in a processor's nearest cache while all rows pass. */
const tableBeats = 8;

/**
 * The sums of every possible byte for each four columns.
 * @param sums receives them, [ceil(columns / 16) · 4, 256]; a sum of four int8 has eleven bits
 */
export function byteSums(bank: Int8Array, columns: number, sums: Int16Array): void {
  const quads = Math.ceil(columns / lanes) * rowBytes;
  const high = new Int16Array(16);
  const low = new Int16Array(16);
  for (let quad = 0; quad < quads; quad++) {
    const column = 4 * quad;
    pairSums(bank[column]!, bank[column + 1]!, low);
    pairSums(bank[column + 2]!, bank[column + 3]!, high);
    for (let upper = 0; upper < 16; upper++) {
      const at = quad * 256 + upper * 16;
      const sum = high[upper]!;
      for (let lower = 0; lower < 16; lower++) sums[at + lower] = sum + low[lower]!;
    }
  }
}

/** Of two columns, under all sixteen pairs of codes. */
function pairSums(first: number, second: number, sums: Int16Array): void {
  for (let bits = 0; bits < 16; bits++)
    sums[bits] = underCode(bits & 3, first) + underCode(bits >> 2, second);
}

/** An activation added, subtracted or skipped. */
function underCode(code: number, q: number): number {
  return code === 0 ? -q : code === 2 ? q : 0;
}

/**
 * Sixteen results from each block of weights.
 * @param weights 32-bit words, sixteen codes of a row each
 * @param offsets the beats of `weights` at which blocks begin, or −1 for a block that is not there
 * @param beats of a block
 * @param sums of `byteSums`, for beats · 16 columns
 * @param results 16 for each block; those of absent blocks are left alone
 */
export function blockProducts(
  weights: Int32Array,
  offsets: ArrayLike<number>,
  beats: number,
  sums: Int16Array,
  results: Int32Array,
): void {
  for (let block = 0; block < offsets.length; block++) {
    if (offsets[block]! >= 0) results.fill(0, block * lanes, (block + 1) * lanes);
  }
  for (let first = 0; first < beats; first += tableBeats) {
    const last = Math.min(beats, first + tableBeats);
    for (let block = 0; block < offsets.length; block++) {
      const offset = offsets[block]!;
      if (offset >= 0) addBeats(weights, offset, first, last, sums, results, block * lanes);
    }
  }
}

/** Adds what beats `first` to `last` of the block contribute to its results. */
function addBeats(
  weights: Int32Array,
  offset: number,
  first: number,
  last: number,
  sums: Int16Array,
  results: Int32Array,
  firstResult: number,
): void {
  for (let row = 0; row < lanes; row++) {
    let sum = 0;
    let word = (offset + first) * beatWords + row;
    let table = first * rowBytes * 256;
    for (let beat = first; beat < last; beat++) {
      const codes = weights[word]!;
      sum +=
        sums[table + (codes & 255)]! +
        sums[table + 256 + ((codes >> 8) & 255)]! +
        sums[table + 512 + ((codes >> 16) & 255)]! +
        sums[table + 768 + (codes >>> 24)]!;
      word += beatWords;
      table += rowBytes * 256;
    }
    results[firstResult + row]! += sum;
  }
}
