import type { Data } from '../../program/op.ts';
import { packedRows, type Shape } from '../../program/tensor.ts';

/** The weights −1, 0, +1 of a packed ternary matrix [out, width], row by row. */
export function unpackCodes(bytes: Data, shape: Shape): Float64Array {
  const [out, width] = shape as readonly [number, number];
  const rows = packedRows(out);
  return Float64Array.from({ length: out * width }, (_, i) => {
    const row = Math.floor(i / width);
    const byte = bytes[(row % rows) * width + (i % width)] ?? 0;
    return ((byte >> (2 * Math.floor(row / rows))) & 3) - 1;
  });
}

/** The packed form of weights −1, 0, +1 of shape [out, width]; rows past `out` hold zeros. */
export function packCodes(codes: Data, shape: Shape, bytes: Data): void {
  const [out, width] = shape as readonly [number, number];
  const rows = packedRows(out);
  bytes.fill(0);
  for (let row = 0; row < 4 * rows; row++) {
    for (let c = 0; c < width; c++) {
      const code = row < out ? (codes[row * width + c] ?? 0) + 1 : 1;
      const at = (row % rows) * width + c;
      bytes[at] = (bytes[at] ?? 0) | (code << (2 * Math.floor(row / rows)));
    }
  }
}
