/**
 * Parts of shaders in which a workgroup of 16 × 8 processes 64 rows of a head (queries, or keys) against 32 others (keys,
 * or queries) at a time. An invocation owns the rows 4·local.x … 4·local.x + 3, the others 4·local.y … + 3 for them, and,
 * in a result, every eighth group of four columns from local.y on. Its values stay in registers, each under its own name.
 *
 * Both products sum `left[k][row] · right[k][…]` over a tile's k. Heads have `p.fours` vectors of four.
 */
import { loadFour, type Rows } from './heads.wgsl.ts';

/** Rows of a workgroup. */
export const rowsOfTile = 64;
/** Others in a tile. */
export const othersOfTile = 32;
const columnsOfTile = 32;

export const workgroupSize = '@workgroup_size(16, 8)';

/** The tiles: 12 KB of the 16 KB that every device has. */
export const tiles = `
var<workgroup> left: array<vec4f, ${(columnsOfTile * rowsOfTile) / 4}>;
var<workgroup> right: array<vec4f, ${(columnsOfTile * othersOfTile) / 4}>;`;

const four = [0, 1, 2, 3];

/** WGSL for each of the four others that an invocation owns. */
export function eachOther(line: (j: number) => string): string {
  return four.map(line).join('\n    ');
}

/**
 * Four columns of a row of the tile, zeros if it does not exist. Something is always loaded, because conditional loads
 * of an invocation wait for one another.
 */
function fourOf(rows: Rows, r: string, c: string): string {
  const four = loadFour(rows, rows.row(r), `min(${c}, p.fours - 1u)`);
  return `select(vec4f(), ${four}, ${c} < p.fours && ${rows.exists(r)})`;
}

/** Fills a tile with columns from four `first` on: [column][row]. Each invocation transposes squares of four. */
function loadTurned(into: string, rows: Rows, fours: number): string {
  return `
      if (lane < ${(fours * columnsOfTile) / 4}u) {
        let r = lane % ${fours}u;
        let c = lane / ${fours}u;
        ${four.map((i) => `let row${i} = ${fourOf(rows, `(4u * r + ${i}u)`, '(first + c)')};`).join('\n        ')}
        let turned = transpose(mat4x4f(row0, row1, row2, row3));
        ${four.map((i) => `${into}[(4u * c + ${i}u) * ${fours}u + r] = turned[${i}];`).join(' ')}
      }`;
}

/** `result`0 … `result`3: for each of an invocation's others, its products with the invocation's four rows. */
export function rowProducts(result: string, rows: Rows, others: Rows): string {
  return `
    ${four.map((j) => `var ${result}${j} = vec4f();`).join(' ')}
    for (var first = 0u; first < p.fours; first += ${columnsOfTile / 4}u) {
      workgroupBarrier();
      ${loadTurned('left', rows, rowsOfTile / 4)}
      ${loadTurned('right', others, othersOfTile / 4)}
      workgroupBarrier();
      for (var c = 0u; c < ${columnsOfTile}u; c++) {
        let row = left[c * ${rowsOfTile / 4}u + local.x];
        let other = right[c * ${othersOfTile / 4}u + local.y];
        ${four.map((j) => `${result}${j} += row * other[${j}];`).join(' ')}
      }
    }`;
}

/** Stores `weight`0 … `weight`3, of each of an invocation's others, for `weightedSums`. */
export function keepWeights(weight: string): string {
  return `
    workgroupBarrier();
    ${four.map((j) => `left[(4u * local.y + ${j}u) * ${rowsOfTile / 4}u + local.x] = ${weight}${j};`).join(' ')}`;
}

/** The columns of a head that an invocation owns, in groups of four. */
function ownFours(headSize: number): number[] {
  return Array.from({ length: Math.ceil(headSize / columnsOfTile) }, (_, n) => n);
}

/** Declares sums of the rows' results. */
export function zeroSums(sums: string, headSize: number): string {
  return ownFours(headSize)
    .flatMap((n) => four.map((i) => `var ${sums}${n}${i} = vec4f();`))
    .join(' ');
}

/** Multiplies the sums of each row by an element of `factor`. */
export function scaleSums(sums: string, factor: string, headSize: number): string {
  return ownFours(headSize)
    .flatMap((n) => four.map((i) => `${sums}${n}${i} *= ${factor}[${i}];`))
    .join(' ');
}

/** Adds the stored weights times the rows of `others` to the sums. */
export function weightedSums(sums: string, others: Rows, headSize: number): string {
  const own = ownFours(headSize);
  const fours = 8 * own.length;
  const atOnce = Math.min(
    othersOfTile,
    2 ** Math.floor(Math.log2((columnsOfTile * othersOfTile) / 4 / fours)),
  );
  const lines = own.flatMap((n) => [
    `let other${n} = right[o * ${fours}u + local.y + ${8 * n}u];`,
    ...four.map((i) => `${sums}${n}${i} += weight[${i}] * other${n};`),
  ]);
  return `
    for (var start = 0u; start < ${othersOfTile}u; start += ${atOnce}u) {
      workgroupBarrier();
      for (var e = lane; e < ${atOnce * fours}u; e += 128u) {
        right[e] = ${fourOf(others, `(start + e / ${fours}u)`, `(e % ${fours}u)`)};
      }
      workgroupBarrier();
      for (var o = 0u; o < ${atOnce}u; o++) {
        let weight = left[(start + o) * ${rowsOfTile / 4}u + local.x];
        ${lines.join('\n        ')}
      }
    }`;
}

/** Writes the sums, each divided by an element of `divisor` if there is one, to the rows of a tensor. */
export function storeSums(sums: string, to: Rows, headSize: number, divisor?: string): string {
  return four
    .map((i) => {
      const r = `(4u * local.x + ${i}u)`;
      const quotient = divisor ? ` / ${divisor}[${i}]` : '';
      const stores = ownFours(headSize).map(
        (n) =>
          `if (local.y + ${8 * n}u < p.fours) { ${to.name}[at + local.y + ${8 * n}u] = ${sums}${n}${i}${quotient}; }`,
      );
      return `if (${to.exists(r)}) {
    let at = ${to.row(r)} * p.fours;
    ${stores.join('\n    ')}
  }`;
    })
    .join('\n  ');
}
