/**
 * Tables of int8 rows: row r of a float table [rows, width] is stored as `weight` I8 [rows, width] with `weight_scale` F32
 * [rows]; an entry is weight · weight_scale[r]. Embeddings are published in this form: a quarter of the bytes, and an
 * error of at most 1/254 of the row's largest entry.
 */

/** Codes are −127 … 127, so that a row and its negative have the same magnitudes. */
const largestCode = 127;

/**
 * Quantises whole rows: scale = max|x| / 127, code = round(x / scale), halves away from zero. A row of zeros has
 * scale 0.
 * @param table [rows, width], finite
 */
export function packRowsInt8(
  table: Float32Array,
  width: number,
): { readonly codes: Int8Array<ArrayBuffer>; readonly scales: Float32Array<ArrayBuffer> } {
  const rows = table.length / width;
  const codes = new Int8Array(table.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    let largest = 0;
    for (let c = start; c < start + width; c++) largest = Math.max(largest, Math.abs(table[c]!));
    scales[row] = largest / largestCode;
    if (scales[row] === 0) continue;
    for (let c = start; c < start + width; c++) {
      const code = Math.sign(table[c]!) * Math.round(Math.abs(table[c]!) / scales[row]!);
      codes[c] = Math.max(-largestCode, Math.min(largestCode, code)); // a subnormal scale may round far
    }
  }
  return { codes, scales };
}

/** The entries that codes and scales represent. */
export function unpackRowsInt8(
  codes: Int8Array,
  scales: Float32Array,
  width: number,
): Float32Array<ArrayBuffer> {
  const table = new Float32Array(codes.length);
  for (let k = 0; k < codes.length; k++) table[k] = codes[k]! * scales[Math.floor(k / width)]!;
  return table;
}
