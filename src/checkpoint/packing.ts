/**
 * Ternary matrices, four weights to a byte. The packed form of [out, in] is uint8 [R, in], R = ceil(out/4); bits 2j..2j+1
 * of row r hold value + 1 of output row r + j·R. The j-th bits of all rows form a "plane" of R output rows. Rows beyond
 * `out` hold the value 0.
 */
import { InputError } from '../errors.ts';
import { packedRows } from '../program/tensor.ts';

/** Fills a chunk of a float matrix: rows [first, first + count), row-major. The next call may overwrite the array. */
export type ReadRows = (first: number, count: number) => Promise<Float32Array>;

/** Maximum number of weights held as floats at a time, approximately (4 MiB). */
const chunkWeights = 2 ** 20;

/** The minimum scale, so that a matrix of zeros can be divided by its scale. */
const smallestScale = 1e-5;

/** A byte of four zero weights. */
const fourZeros = 0b01010101;

/** Rows of a float matrix that are processed at a time. */
function rowsPerChunk(columns: number): number {
  return Math.max(1, Math.floor(chunkWeights / Math.max(1, columns)));
}

/**
 * Packs ternary values.
 * @param values [rows, columns], each −1, 0 or 1
 * @returns [ceil(rows/4), columns]
 */
export function packTernary(values: Int8Array, rows: number, columns: number): Uint8Array<ArrayBuffer> {
  expectLength('ternary values', values.length, rows * columns);
  const height = packedRows(rows);
  const packed = new Uint8Array(height * columns).fill(fourZeros);
  const plane = height * columns;
  for (let k = 0; k < values.length; k++) {
    const value = values[k]!;
    if (value < -1 || value > 1)
      throw new RangeError(`ternary value ${k}: found ${value}, expected −1, 0 or 1`);
    const shift = 2 * Math.floor(k / plane);
    packed[k % plane]! += value << shift; // added to the code 1, which means zero
  }
  return packed;
}

/** The values of a packed matrix, [rows, columns]; the inverse of `packTernary`. */
export function unpackTernary(packed: Uint8Array, rows: number, columns: number): Int8Array<ArrayBuffer> {
  expectLength('packed bytes', packed.length, packedRows(rows) * columns);
  const values = new Int8Array(rows * columns);
  const plane = packed.length;
  for (let k = 0; k < values.length; k++) {
    values[k] = ((packed[k % plane]! >> (2 * Math.floor(k / plane))) & 3) - 1;
  }
  return values;
}

/**
 * Checks that every code is 0, 1 or 2, and sets the codes of rows beyond `rows`, which some writers leave at code 0, to
 * the value 0. In place.
 */
export function checkPacked(packed: Uint8Array, rows: number, columns: number, where: string): void {
  const plane = packedRows(rows) * columns;
  expectLength(`${where}: packed bytes`, packed.length, plane);
  for (let k = 0; k < plane; k++) {
    const byte = packed[k]!;
    if ((byte & (byte >> 1) & fourZeros) !== 0) {
      throw new InputError(`${where}: packed byte ${k}: found code 3, expected codes 0, 1 and 2 (value + 1)`);
    }
  }
  clearPadding(packed, rows, columns);
}

/** Sets the codes of the rows beyond `rows` to the value 0. */
export function clearPadding(packed: Uint8Array, rows: number, columns: number): void {
  const plane = packed.length;
  for (let k = rows * columns; k < 4 * plane; k++) {
    const shift = 2 * Math.floor(k / plane);
    packed[k % plane] = (packed[k % plane]! & ~(3 << shift)) | (1 << shift);
  }
}

/** The share of weights that are not zero. */
function density(packed: Uint8Array, rows: number, columns: number): number {
  const zeros = Uint8Array.from({ length: 256 }, (_, byte) =>
    [0, 2, 4, 6].reduce((sum, shift) => sum + (((byte >> shift) & 3) === 1 ? 1 : 0), 0),
  );
  let zeroCodes = 0;
  for (let k = 0; k < packed.length; k++) zeroCodes += zeros[packed[k]!]!;
  const padding = 4 * packed.length - rows * columns;
  return rows * columns === 0 ? 0 : 1 - (zeroCodes - padding) / (rows * columns);
}

/**
 * Floats that a BitLinear layer quantises to exactly this packed matrix and scale, in chunks of whole rows; each chunk is
 * overwritten by the next.
 *
 * They are not w·t: BitLinear takes the mean of |W| again, which for w·t is t times the share p of non-zero weights.
 * w·t/p has the mean t, and |w·t/p| ≥ t still rounds to ±1.
 */
export function* expandTernary(
  packed: Uint8Array,
  rows: number,
  columns: number,
  scale: number,
): Generator<Float32Array<ArrayBuffer>> {
  const magnitude = scale / Math.max(density(packed, rows, columns), Number.MIN_VALUE);
  const levels = Float32Array.of(-magnitude, 0, magnitude);
  const height = packedRows(rows);
  const buffer = new Float32Array(Math.min(rows, rowsPerChunk(columns)) * columns);
  let filled = 0;
  for (let row = 0; row < rows; row++) {
    const shift = 2 * Math.floor(row / height);
    const source = (row % height) * columns;
    for (let c = 0; c < columns; c++) buffer[filled + c] = levels[(packed[source + c]! >> shift) & 3]!;
    filled += columns;
    if (filled < buffer.length && row + 1 < rows) continue;
    yield buffer.subarray(0, filled);
    filled = 0;
  }
}

/**
 * Quantises a float matrix [rows, columns]: t = max(mean |W|, 1e-5) in float32, w = clamp(round(W/t), −1, 1), packed into
 * `target`. Reads the matrix twice, in chunks.
 * @param where name of the matrix in errors
 * @returns t
 * @throws InputError for a NaN or infinite weight
 */
export async function quantiseMatrix(
  readRows: ReadRows,
  rows: number,
  columns: number,
  target: Uint8Array,
  where: string,
): Promise<number> {
  const scale = await ternaryScale(readRows, rows, columns, where);
  await packRows(readRows, rows, columns, scale, target);
  return scale;
}

/** The first pass of `quantiseMatrix`: t. */
export async function ternaryScale(
  readRows: ReadRows,
  rows: number,
  columns: number,
  where: string,
): Promise<number> {
  let sum = 0;
  await forEachChunk(readRows, rows, columns, (weights, firstRow) => {
    const part = sumOfMagnitudes(weights);
    if (!Number.isFinite(part)) refuseNonFinite(weights, firstRow, columns, where);
    sum += part;
  });
  const mean = rows * columns === 0 ? 0 : sum / (rows * columns);
  return Math.fround(Math.max(mean, smallestScale));
}

/** The second pass of `quantiseMatrix`: packs weights, which must be finite, by a known scale. */
export async function packRows(
  readRows: ReadRows,
  rows: number,
  columns: number,
  scale: number,
  target: Uint8Array,
): Promise<void> {
  expectLength('packed bytes', target.length, packedRows(rows) * columns);
  target.fill(fourZeros);
  await forEachChunk(readRows, rows, columns, (weights, firstRow) => {
    packChunk(weights, firstRow, columns, scale, target);
  });
}

async function forEachChunk(
  readRows: ReadRows,
  rows: number,
  columns: number,
  use: (weights: Float32Array, firstRow: number) => void,
): Promise<void> {
  const step = rowsPerChunk(columns);
  for (let row = 0; row < rows; row += step) use(await readRows(row, Math.min(step, rows - row)), row);
}

/** Sum of |w| in double precision, on four chains because one would wait for each addition. */
function sumOfMagnitudes(weights: Float32Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = weights.length - (weights.length % 4);
  for (let k = 0; k < whole; k += 4) {
    a += Math.abs(weights[k]!);
    b += Math.abs(weights[k + 1]!);
    c += Math.abs(weights[k + 2]!);
    d += Math.abs(weights[k + 3]!);
  }
  for (let k = whole; k < weights.length; k++) a += Math.abs(weights[k]!);
  return a + b + (c + d);
}

/**
 * round(W/t) is 0 exactly if |W| ≤ t/2 (halves round to even, and float division never rounds across 1/2), so a
 * comparison replaces the division; on the bits of the floats, it needs no branch.
 */
function packChunk(
  weights: Float32Array,
  firstRow: number,
  columns: number,
  scale: number,
  target: Uint8Array,
): void {
  const bits = new Int32Array(weights.buffer, weights.byteOffset, weights.length);
  const threshold = new Int32Array(Float32Array.of(scale / 2).buffer)[0]!;
  const height = target.length / columns;
  for (let start = 0, row = firstRow; start < bits.length; start += columns, row++) {
    const shift = 2 * Math.floor(row / height);
    const base = (row % height) * columns;
    for (let c = 0; c < columns; c++) {
      const x = bits[start + c]!;
      const sign = x >> 31;
      const nonZero = (threshold - (x & 0x7fffffff)) >>> 31;
      target[base + c]! += ((nonZero ^ sign) - sign) << shift; // added to the code 1, which means zero
    }
  }
}

function refuseNonFinite(weights: Float32Array, firstRow: number, columns: number, where: string): never {
  const k = weights.findIndex((weight) => !Number.isFinite(weight));
  const place = `[${firstRow + Math.floor(k / columns)}, ${k % columns}]`;
  throw new InputError(`${where}: weight ${place}: found ${weights[k]}, expected a finite number`);
}

function expectLength(what: string, found: number, expected: number): void {
  if (found !== expected) throw new RangeError(`${what}: found ${found}, expected ${expected}`);
}
