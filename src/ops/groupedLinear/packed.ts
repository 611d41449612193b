/**
 * How matrices with a scale for each group of inputs lie in memory. Codes of i8 and their scales are plain rows; so are those
 * of four bits, u4, of which byte k of 16 holds columns k (its lower half) and k + 16 of 32.
 *
 * Ternary and binary codes lie in tiles of 32 and 64 output rows, so that kernels load whole vectors of them: a byte
 * holds one column of 4 rows (two bits each, value + 1) or of 8 rows (one bit each, set for +1), and the bytes of a
 * tile are [columns / 4, lanes, 4] with 8 lanes. Lane l of bit plane j is row l + j·lanes of the tile. The last tile of
 * a matrix has only the lanes that its rows need. Scales are [groups, rows] of each tile, one tile after the other.
 */
import type { Shape } from '../../program/tensor.ts';
import { byteSize } from '../../program/tensor.ts';

export type GroupedType = 'ternary' | 'binary' | 'u4' | 'i8';

/** Rows that share a byte. */
export const planes = { ternary: 4, binary: 8, u4: 1, i8: 1 } as const;

/** Columns of a row that share a byte. */
const columnsPerByte = { ternary: 1, binary: 1, u4: 2, i8: 1 } as const;

/** Lanes of a whole tile: neighbouring words of four columns. */
export const tileLanes = 8;

/** Rows of a whole tile. */
export function tileHeight(type: GroupedType): number {
  return planes[type] === 1 ? 1 : planes[type] * tileLanes;
}

/** The tile of a row. */
interface Tile {
  readonly first: number;
  readonly rows: number;
  readonly lanes: number;
}

function tileOf(type: GroupedType, out: number, row: number): Tile {
  const height = tileHeight(type);
  const first = row - (row % height);
  const rows = Math.min(height, out - first);
  return { first, rows, lanes: Math.ceil(rows / planes[type]) };
}

/** Where a row's codes lie, but those of u4: byte `first` + 4·`lanes`·floor(c / 4) + c mod 4 of column c, from bit `shift` on. */
interface CodePlace {
  readonly first: number;
  readonly lanes: number;
  readonly shift: number;
}

function codePlace(type: GroupedType, [out, width]: Shape, row: number): CodePlace {
  const { first, lanes } = tileOf(type, out!, row);
  const [plane, lane] = [Math.floor((row - first) / lanes), (row - first) % lanes];
  return {
    first: (first / planes[type]) * width! + 4 * lane,
    lanes,
    shift: plane * (8 / planes[type]),
  };
}

/** Where the scale of a row's group lies. */
function scalePlace(type: GroupedType, [out, groups]: Shape, row: number, group: number): number {
  const { first, rows } = tileOf(type, out!, row);
  return first * groups! + group * rows + (row - first);
}

/** Memory for codes that `packCodes` fills. */
export function emptyCodes(type: GroupedType, shape: Shape): Uint8Array<ArrayBuffer> {
  const codes = new Uint8Array(byteSize(type, shape));
  clearCodes(type, codes);
  return codes;
}

/** Makes memory ready for `packCodes` and `packPackedRows`: zeros, or −1 where there is no zero. */
export function clearCodes(type: GroupedType, target: Uint8Array): void {
  target.fill(type === 'ternary' ? 0b01010101 : 0);
}

/**
 * Packs rows of codes, each once, into memory of `emptyCodes` or `clearCodes`.
 * @param shape of the whole matrix, [out, in]; in is a multiple of 4, and of 32 for u4
 * @param codes [rows, in] from row `firstRow` on: −1, 0, 1 for ternary, ±1 for binary, 0 to 15 for u4
 */
export function packCodes(
  type: GroupedType,
  shape: Shape,
  codes: ArrayLike<number>,
  firstRow: number,
  target: Uint8Array | Int8Array,
): void {
  const width = shape[1]!;
  if (type === 'u4') {
    packHalves(codes, target, (firstRow * width) / 2);
    return;
  }
  for (let at = 0, row = firstRow; at < codes.length; at += width, row++) {
    const { first, lanes, shift } = codePlace(type, shape, row);
    for (let c = 0; c < width; c += 4) {
      const byte = first + c * lanes;
      for (let k = 0; k < 4; k++) {
        const code = codes[at + c + k]!;
        if (type === 'binary') target[byte + k]! |= (code > 0 ? 1 : 0) << shift;
        else target[byte + k]! += code << shift; // ternary: onto the 1 that stands for zero
      }
    }
  }
}

/** Codes of four bits, whole rows of them: 32 neighbours to 16 bytes, from byte `to` on. */
export function packHalves(codes: ArrayLike<number>, target: Uint8Array | Int8Array, to: number): void {
  for (let first = 0; first < codes.length; first += 32, to += 16)
    for (let k = 0; k < 16; k++) target[to + k] = codes[first + k]! | (codes[first + k + 16]! << 4);
}

/** The codes in `bytes` from byte `from` on. */
export function unpackHalves(bytes: ArrayLike<number>, from: number, codes: Int8Array): void {
  for (let first = 0; first < codes.length; first += 32, from += 16) {
    for (let k = 0; k < 16; k++) {
      codes[first + k] = bytes[from + k]! & 15;
      codes[first + k + 16] = (bytes[from + k]! >> 4) & 15;
    }
  }
}

/** Two-bit fields of a byte, lowest first, in a byte each; and the bits of half a byte. */
const spreadPairs = Int32Array.from({ length: 256 }, (_, byte) => spread(byte, 2));
const spreadBits = Int32Array.from({ length: 16 }, (_, half) => spread(half, 1));

function spread(fields: number, bits: 1 | 2): number {
  const mask = 2 ** bits - 1;
  return [0, 1, 2, 3].reduce((word, k) => word | (((fields >> (bits * k)) & mask) << (8 * k)), 0);
}

/**
 * As `packCodes`, from rows that are packed already, each code beside its neighbours: ternary ones (value + 1) four to a
 * byte, binary ones (set for +1) eight to a byte, the first in the lowest bits. Those of i8 and u4 lie in memory as they are.
 */
export function packPackedRows(
  type: GroupedType,
  shape: Shape,
  rows: Uint8Array,
  firstRow: number,
  target: Uint8Array,
): void {
  const rowBytes = shape[1]! / planes[type] / columnsPerByte[type];
  if (planes[type] === 1) {
    target.set(rows, firstRow * rowBytes);
    return;
  }
  const words = new Int32Array(target.buffer, target.byteOffset, target.length / 4);
  const place = type === 'ternary' ? placeTernary : placeBinary;
  for (let at = 0, row = firstRow; at < rows.length; at += rowBytes, row++) {
    place(rows, at, rowBytes, words, codePlace(type, shape, row));
  }
}

type Place = (rows: Uint8Array, at: number, count: number, words: Int32Array, place: CodePlace) => void;

const placeTernary: Place = (rows, at, count, words, { first, lanes, shift }) => {
  for (let k = 0, word = first / 4; k < count; k++, word += lanes) {
    // Onto the 1 that stands for zero.
    words[word] = words[word]! + ((spreadPairs[rows[at + k]!]! - 0x01010101) << shift);
  }
};

const placeBinary: Place = (rows, at, count, words, { first, lanes, shift }) => {
  for (let k = 0, word = first / 4; k < count; k++, word += 2 * lanes) {
    const byte = rows[at + k]!;
    words[word] = words[word]! | (spreadBits[byte & 15]! << shift);
    words[word + lanes] = words[word + lanes]! | (spreadBits[byte >> 4]! << shift);
  }
};

/** The codes of rows [first, end), row by row: −1, 0, 1 for ternary, ±1 for binary, 0 to 15 for u4. */
export function unpackCodes(
  type: GroupedType,
  shape: Shape,
  bytes: ArrayLike<number>,
  firstRow = 0,
  endRow = shape[0]!,
): Int8Array<ArrayBuffer> {
  const width = shape[1]!;
  const codes = new Int8Array((endRow - firstRow) * width);
  if (type === 'u4') {
    unpackHalves(bytes, (firstRow * width) / 2, codes);
    return codes;
  }
  for (let at = 0, row = firstRow; row < endRow; at += width, row++) {
    const { first, lanes, shift } = codePlace(type, shape, row);
    for (let c = 0; c < width; c++) {
      const byte = bytes[first + (c - (c % 4)) * lanes + (c % 4)]!;
      codes[at + c] = codeValue(type, byte >> shift);
    }
  }
  return codes;
}

function codeValue(type: GroupedType, bits: number): number {
  if (type === 'ternary') return (bits & 3) - 1;
  return type === 'binary' ? 2 * (bits & 1) - 1 : bits;
}

/** Puts rows of scales [rows, groups], from row `firstRow` of the matrix on, where kernels read them. */
export function packScales(
  type: GroupedType,
  shape: Shape,
  scales: ArrayLike<number>,
  firstRow: number,
  target: Uint16Array | Float32Array,
): void {
  const groups = shape[1]!;
  for (let k = 0; k < scales.length; k++) {
    target[scalePlace(type, shape, firstRow + Math.floor(k / groups), k % groups)] = scales[k]!;
  }
}

/** The scales [out, groups], row by row, as they were given to `packScales`. */
export function unpackScales(type: GroupedType, shape: Shape, packed: ArrayLike<number>): Float64Array {
  const [out, groups] = shape as readonly [number, number];
  return Float64Array.from(
    { length: out * groups },
    (_, k) => packed[scalePlace(type, shape, Math.floor(k / groups), k % groups)]!,
  );
}
