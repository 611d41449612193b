import type { Data } from '../../program/op.ts';
import { packedRows, type Shape } from '../../program/tensor.ts';

/** The weights −1, 0, +1 of a packed ternary matrix [out, width], row by row. */
export function unpackCodes(bytes: Data, [out, width]: Shape): Float64Array {
  const rows = packedRows(out!);
  return Float64Array.from({ length: out! * width! }, (_, i) => {
    const row = Math.floor(i / width!);
    const byte = bytes[(row % rows) * width! + (i % width!)]!;
    return ((byte >> (2 * Math.floor(row / rows))) & 3) - 1;
  });
}

/** The packed form of weights −1, 0, +1 of shape [out, width]; rows past `out` hold zeros. */
export function packCodes(codes: Data, [out, width]: Shape, bytes: Data): void {
  const rows = packedRows(out!);
  bytes.fill(0);
  for (let row = 0; row < 4 * rows; row++) {
    for (let c = 0; c < width!; c++) {
      const code = row < out! ? codes[row * width! + c]! + 1 : 1;
      bytes[(row % rows) * width! + c]! |= code << (2 * Math.floor(row / rows));
    }
  }
}

/** A thread's memory holds one int8 row of at most this many columns: see `row.as.ts`. */
const longestRow = 2 ** 18;

/** Whether each thread turns the row to int8 for itself. */
export function isOneRow(rows: number, width: number): boolean {
  return rows === 1 && width <= longestRow;
}
