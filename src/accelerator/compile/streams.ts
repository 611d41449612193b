/** Ternary matrices as the cores' streams hold them. */
import { packedRows } from '../../program/tensor.ts';
import { beatBytes, lanes } from '../parameters.ts';

/** Rows of a packed ternary matrix. */
export interface Matrix {
  /** uint8 [ceil(out / 4), columns], two bits a weight; see checkpoint/packing.ts. */
  readonly packed: Uint8Array;
  /** Rows of the whole matrix. */
  readonly out: number;
  readonly columns: number;
  readonly firstRow: number;
  readonly rows: number;
}

/** Sixteen rows of four zero weights. */
const zeros = 0b01010101;

/** Beats of core `core`'s part: blocks of 16 rows are dealt to the cores in turn. */
export function beatsOf(
  { rows, columns }: Pick<Matrix, 'rows' | 'columns'>,
  core: number,
  cores: number,
): number {
  const blocks = Math.ceil(rows / lanes);
  return Math.max(0, Math.ceil((blocks - core) / cores)) * Math.ceil(columns / lanes);
}

/** Writes core `core`'s part of a matrix; `target` has room for exactly its beats. */
export function writeStream(matrix: Matrix, core: number, cores: number, target: Uint8Array): void {
  const beats = Math.ceil(matrix.columns / lanes);
  let at = 0;
  for (let block = core; block * lanes < matrix.rows; block += cores) {
    for (let beat = 0; beat < beats; beat++) {
      writeBeat(matrix, block * lanes, beat * lanes, target.subarray(at, at + beatBytes));
      at += beatBytes;
    }
  }
}

function writeBeat(
  { packed, out, columns, firstRow, rows }: Matrix,
  row: number,
  column: number,
  target: Uint8Array,
): void {
  target.fill(zeros);
  const height = packedRows(out);
  for (let i = 0; i < lanes && row + i < rows; i++) {
    const r = firstRow + row + i;
    const shift = 2 * Math.floor(r / height);
    const source = (r % height) * columns;
    for (let j = 0; j < lanes && column + j < columns; j++) {
      const code = (packed[source + column + j]! >> shift) & 3;
      const byte = i * 4 + (j >> 2);
      const place = 2 * (j & 3);
      target[byte] = (target[byte]! & ~(3 << place)) | (code << place);
    }
  }
}
