/**
 * The function of a core's array: sums of activations under ternary weights, added, subtracted or skipped. Four or five
 * weights share a byte, so the sum of their activations under each of the 256 bytes is tabulated once, and a byte costs
 * one addition here; the sums are the same.
 */

/** Bytes of a row in a beat: a 32-bit word. */
export const rowBytes = 4;

/** Beats of columns whose tables, 2 KB each, stay in a processor's nearest cache while all rows pass. */
const tableBeats = 8;

/** Codes of five weights for each byte: its digits in base 3, the lowest first. The highest may be 3, which is no weight. */
const digits = Uint8Array.from({ length: 256 * 5 }, (_, i) => {
  const quotient = Math.floor(Math.floor(i / 5) / 3 ** (i % 5));
  return i % 5 === 4 ? quotient : quotient % 3;
});

/**
 * The sums of every possible byte for each byte's columns.
 * @param perWord columns of a core: 16, with two bits a weight, or 20, five trits a byte
 * @param sums receives them, [ceil(columns / perWord) · 4, 256]
 */
export function byteSums(bank: Int8Array, columns: number, perWord: number, sums: Int16Array): void {
  const bytes = Math.ceil(columns / perWord) * rowBytes;
  const perByte = perWord / rowBytes;
  for (let byte = 0; byte < bytes; byte++) {
    const activations = bank.subarray(perByte * byte, perByte * (byte + 1));
    const target = sums.subarray(256 * byte, 256 * (byte + 1));
    if (perByte === 4) sumsOfPairs(activations, target);
    else sumsOfTrits(activations, target);
  }
}

/** Of four columns, two bits each. */
function sumsOfPairs([a, b, c, d]: Int8Array, sums: Int16Array): void {
  for (let upper = 0; upper < 16; upper++) {
    const sum = underCode(upper & 3, c!) + underCode(upper >> 2, d!);
    for (let lower = 0; lower < 16; lower++) {
      sums[upper * 16 + lower] = sum + underCode(lower & 3, a!) + underCode(lower >> 2, b!);
    }
  }
}

/** Of five columns, a digit each. */
function sumsOfTrits(activations: Int8Array, sums: Int16Array): void {
  for (let byte = 0; byte < 256; byte++) {
    let sum = 0;
    for (let j = 0; j < 5; j++) sum += underCode(digits[5 * byte + j]!, activations[j]!);
    sums[byte] = sum;
  }
}

/** An activation added, subtracted or skipped. */
function underCode(code: number, q: number): number {
  return code === 0 ? -q : code === 2 ? q : 0;
}

/** Of the blocks of a product. */
interface BlockShape {
  readonly beats: number;
  /** Rows, and 32-bit words of a beat. */
  readonly lanes: number;
}

/**
 * A result for each row of each block of weights.
 * @param weights 32-bit words, the codes of a row each
 * @param offsets the beats of `weights` at which blocks begin, or −1 for a block that is not there
 * @param sums of `byteSums`
 * @param results `lanes` for each block; those of absent blocks are left alone
 */
export function blockProducts(
  weights: Int32Array,
  offsets: ArrayLike<number>,
  { beats, lanes }: BlockShape,
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
      if (offset < 0) continue;
      addBeats(weights, offset, first, last, sums, results.subarray(block * lanes, (block + 1) * lanes));
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
): void {
  const lanes = results.length;
  for (let row = 0; row < lanes; row++) {
    let sum = 0;
    let word = (offset + first) * lanes + row;
    let table = first * rowBytes * 256;
    for (let beat = first; beat < last; beat++) {
      const codes = weights[word]!;
      sum +=
        sums[table + (codes & 255)]! +
        sums[table + 256 + ((codes >> 8) & 255)]! +
        sums[table + 512 + ((codes >> 16) & 255)]! +
        sums[table + 768 + (codes >>> 24)]!;
      word += lanes;
      table += rowBytes * 256;
    }
    results[row]! += sum;
  }
}
