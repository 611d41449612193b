/**
 * Pieces of shaders that a workgroup of 16 × 16 computes with 32 rows at a time: an invocation owns the rows
 * local.y and local.y + 16, and the columns local.x, local.x + 16, … of a result. Heads have `p.headSize` entries.
 */

/** 32 rows of a tensor with heads. */
export interface Rows {
  readonly name: string;
  /** Whether there is a row `r`. */
  readonly exists: (r: string) => string;
  /** Its index, in units of a head. */
  readonly row: (r: string) => string;
}

/** Declares a tile of 32 rows; rows are one longer than `columns`, so that columns fall into different banks. */
export function tile(name: string, columns: number): string {
  return `var<workgroup> ${name}: array<f32, ${32 * (columns + 1)}>;`;
}

/** Fills a tile with columns `first` … `first` + 15 of 32 rows; what does not exist is zero. */
function load(into: string, rows: Rows, first: string): string {
  return `
    for (var e = lane; e < 512u; e += 256u) {
      let r = e / 16u;
      let c = ${first} + e % 16u;
      var entry = 0.0;
      if (c < p.headSize && ${rows.exists('r')}) { entry = ${rows.name}[${rows.row('r')} * p.headSize + c]; }
      ${into}[r * 17u + e % 16u] = entry;
    }`;
}

/** `result`: array<vec2f, 2> of the products of this invocation's two rows of `a` with its two rows of `b`. */
export function rowProducts({
  result,
  a,
  b,
}: {
  readonly result: string;
  readonly a: Rows;
  readonly b: Rows;
}): string {
  return `
    var ${result} = array<vec2f, 2>();
    for (var first = 0u; first < p.headSize; first += 16u) {
      workgroupBarrier();
      ${load('tileA', a, 'first')}
      ${load('tileB', b, 'first')}
      workgroupBarrier();
      for (var c = 0u; c < 16u; c++) {
        let right = vec2f(tileB[local.x * 17u + c], tileB[(local.x + 16u) * 17u + c]);
        ${result}[0] += tileA[local.y * 17u + c] * right;
        ${result}[1] += tileA[(local.y + 16u) * 17u + c] * right;
      }
    }`;
}

/**
 * Adds weights [32, 32] times 32 rows of `b` to `sums`: an array of vec2f, one for each of `columns` times 16
 * columns of a head. `byRow`
 * takes the weights' rows for the result's rows, `byColumn` their columns.
 */
export function tileProducts({
  sums,
  weights,
  row,
  b,
  columns,
}: {
  readonly sums: string;
  readonly weights: string;
  readonly row: 'byRow' | 'byColumn';
  readonly b: Rows;
  readonly columns: number;
}): string {
  const weight = (r: string) =>
    row === 'byRow' ? `${weights}[(${r}) * 33u + i]` : `${weights}[i * 33u + ${r}]`;
  return `
    for (var n = 0u; n < ${columns}u; n++) {
      workgroupBarrier();
      ${load('tileB', b, '16u * n')}
      workgroupBarrier();
      for (var i = 0u; i < 32u; i++) {
        ${sums}[n] += vec2f(${weight('local.y')}, ${weight('local.y + 16u')}) * tileB[i * 17u + local.x];
      }
    }`;
}
