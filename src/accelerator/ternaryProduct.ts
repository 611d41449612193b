/**
 * What a core's array computes: sums of activations under ternary weights, added, subtracted or skipped. Four
 * weights share a byte, so the sum of four activations under each of the 256 bytes is tabulated once for each
 * four columns, and a byte costs one addition here; the sums are the same.
 */
import { beatBytes, lanes } from './parameters.ts';

/** Bytes of a row in a beat. */
const rowBytes = beatBytes / lanes;

/** The sums of every possible byte for each four columns: [ceil(columns / 16) · 4, 256]. */
export function byteSums(bank: Int8Array, columns: number): Int32Array {
  const quads = Math.ceil(columns / lanes) * rowBytes;
  const sums = new Int32Array(quads * 256);
  const pairs = [new Int32Array(16), new Int32Array(16)] as const;
  for (let quad = 0; quad < quads; quad++) {
    for (const [half, pair] of pairs.entries()) {
      const column = 4 * quad + 2 * half;
      const [q0, q1] = [column, column + 1].map((j) => bank[j]!);
      for (let bits = 0; bits < 16; bits++) pair[bits] = underCode(bits & 3, q0!) + underCode(bits >> 2, q1!);
    }
    for (let byte = 0; byte < 256; byte++) {
      sums[quad * 256 + byte] = pairs[0][byte & 15]! + pairs[1][byte >> 4]!;
    }
  }
  return sums;
}

/** An activation added, subtracted or skipped. */
function underCode(code: number, q: number): number {
  return code === 0 ? -q : code === 2 ? q : 0;
}

/**
 * Sixteen results from one block of weights.
 * @param weights memory; the block is `beats` beats from byte `offset` on
 * @param sums of `byteSums`, for beats · 16 columns
 */
export function blockProduct(
  weights: Uint8Array,
  offset: number,
  beats: number,
  sums: Int32Array,
  results: Int32Array,
): void {
  results.fill(0);
  for (let beat = 0; beat < beats; beat++) {
    const at = offset + beat * beatBytes;
    const table = beat * rowBytes * 256;
    for (let row = 0; row < lanes; row++) {
      const byte = at + row * rowBytes;
      results[row]! +=
        sums[table + weights[byte]!]! +
        sums[table + 256 + weights[byte + 1]!]! +
        sums[table + 512 + weights[byte + 2]!]! +
        sums[table + 768 + weights[byte + 3]!]!;
    }
  }
}
