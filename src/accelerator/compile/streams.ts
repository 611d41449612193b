/** Ternary matrices as the cores' streams hold them. */
import { packedRows } from '../../program/tensor.ts';
import { bytesOfBeat, type MachineSizes } from '../parameters.ts';
import { rowBytes } from '../ternaryProduct.ts';

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

/** Of the machine, as far as streams depend on it. */
export type StreamShape = Pick<MachineSizes, 'cores' | 'lanes' | 'columns'>;

/** Beats of core `core`'s part: blocks of rows are dealt to the cores in turn. */
export function beatsOf(
  { rows, columns }: Pick<Matrix, 'rows' | 'columns'>,
  core: number,
  machine: StreamShape,
): number {
  const blocks = Math.ceil(rows / machine.lanes);
  return Math.max(0, Math.ceil((blocks - core) / machine.cores)) * Math.ceil(columns / machine.columns);
}

/** Writes core `core`'s part of a matrix; `target` has room for exactly its beats. */
export function writeStream(matrix: Matrix, core: number, machine: StreamShape, target: Uint8Array): void {
  const { cores, lanes, columns } = machine;
  const beats = Math.ceil(matrix.columns / columns);
  const beatBytes = bytesOfBeat(machine);
  let at = 0;
  for (let block = core; block * lanes < matrix.rows; block += cores) {
    for (let beat = 0; beat < beats; beat++) {
      writeBeat(matrix, block * lanes, beat * columns, machine, target.subarray(at, at + beatBytes));
      at += beatBytes;
    }
  }
}

/** Rows and columns beyond the matrix get weights of 0, which have code 1. */
function writeBeat(
  { packed, out, columns, firstRow, rows }: Matrix,
  row: number,
  column: number,
  machine: StreamShape,
  target: Uint8Array,
): void {
  const height = packedRows(out);
  const perByte = machine.columns / rowBytes;
  const radix = perByte === 4 ? 4 : 3;
  for (let i = 0; i < machine.lanes; i++) {
    const r = firstRow + row + i;
    const shift = 2 * Math.floor(r / height);
    const source = (r % height) * columns;
    const codeOf = (c: number) => {
      const code = row + i < rows && c < columns ? (packed[source + c]! >> shift) & 3 : 1;
      return code === 3 ? 1 : code; // no weight either
    };
    for (let byte = 0; byte < rowBytes; byte++) {
      let value = 0;
      for (let j = perByte - 1; j >= 0; j--) value = radix * value + codeOf(column + perByte * byte + j);
      target[rowBytes * i + byte] = value;
    }
  }
}
