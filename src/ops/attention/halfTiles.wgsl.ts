/**
 * Pieces of attention's shaders on tensor cores: f16 operands, f32 sums. For devices with f16 subgroup matrices of
 * 16 × 16 × 16 and subgroups of 32 (NVIDIA).
 *
 * A workgroup of four subgroups processes 64 rows of a head (queries, or keys) against 64 others (keys, or queries) at a
 * time; a subgroup has 16 of the rows. Its rows stay in fragments. The others lie in a tile of workgroup memory. Beside
 * the tile, each subgroup has its own place, where it stores scores from fragments and loads weights into fragments: lane
 * l handles row l % 16, the columns from 32·(l / 16) on, as eight vectors of four. Tiles are arrays of 16-byte vectors;
 * rows are padded by one vector, so that they start in different banks.
 */
import { loadFour, type Rows } from './heads.wgsl.ts';
import { rowsOfTile } from './tiles.wgsl.ts';

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Rows of a workgroup, as many as without tensor cores, and others in a tile. */
export const rowsOfHalfTile = rowsOfTile;
const subgroups = 4;
const lanes = 32 * subgroups;
export const workgroupSize = `@workgroup_size(${lanes})`;

/** Distance of rows in vectors: of the others, in f16, and in a subgroup's place, of scores (f32) and weights (f16). */
const strideOf = (headSize: number) => headSize / 8 + 1;
const scoreStride = rowsOfHalfTile / 4 + 1;
const weightStride = rowsOfHalfTile / 8 + 1;
const placeVectors = 16 * scoreStride;

export const requires = ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix'];

export function declarations(headSize: number): string {
  return `
alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Sums = subgroup_matrix_result<f32, 16, 16>;

var<workgroup> tile: array<vec4u, ${rowsOfHalfTile * strideOf(headSize) + subgroups * placeVectors}>;`;
}

/** The place of an invocation; with `lane` in scope. Subgroups are runs of 32 invocations. */
export function place(headSize: number): string {
  return `
  let subgroup = lane / 32u;
  let row = lane % 16u;
  let side = lane % 32u / 16u;
  let mine = ${rowsOfHalfTile * strideOf(headSize)}u + subgroup * ${placeVectors}u;
  let ownRow = 16u * subgroup + row;`;
}

/** An invocation's vectors of four adjacent columns in its row. */
export const vectors = [0, 1, 2, 3, 4, 5, 6, 7];
/** Which of the others vector `i` belongs to; the tile holds those from `first` on. */
export const othersOf = (first: string, i: number) =>
  `vec4u(${first} + 32u * side + ${4 * i}u) + vec4u(0, 1, 2, 3)`;

/** Four floats as f16, two words of a vector. */
const halves = (four: string) => `pack2x16float(${four}.xy), pack2x16float(${four}.zw)`;

/**
 * Loads 64 rows into the tile, in f16, scaled by `factor` if there is one. No invocation reads the tile or the places
 * while `meanwhile` runs, and all see its writes afterwards.
 */
export function loadTile(
  rows: Rows,
  headSize: number,
  { factor = '', meanwhile = '' }: { readonly factor?: string; readonly meanwhile?: string } = {},
): string {
  const perRow = headSize / 8;
  const times = factor && ` * ${factor}`;
  const shares = range((rowsOfHalfTile * perRow) / lanes);
  const share = (i: number) => `(lane + ${lanes * i}u)`;
  const r = (i: number) => `(${share(i)} / ${perRow}u)`;
  const column = (i: number) => `2u * (${share(i)} % ${perRow}u)`;
  const lines = [
    // All loads first and without conditions, so that they overlap.
    ...shares.flatMap((i) => [
      `let at${i} = ${rows.row(r(i))};`,
      `let low${i} = ${loadFour(rows, `at${i}`, column(i))}${times};`,
      `let high${i} = ${loadFour(rows, `at${i}`, `(${column(i)} + 1u)`)}${times};`,
    ]),
    'workgroupBarrier();',
    meanwhile,
    ...shares.map(
      (i) => `tile[${r(i)} * ${strideOf(headSize)}u + ${share(i)} % ${perRow}u] =
      select(vec4u(), vec4u(${halves(`low${i}`)}, ${halves(`high${i}`)}), ${rows.exists(r(i))});`,
    ),
    'workgroupBarrier();',
  ];
  return `{
    ${lines.filter((line) => line).join('\n    ')}
    }`;
}

/** `name`0 …: fragments of the subgroup's rows of the tile. */
export function keepRows(name: string, headSize: number): string {
  const stride = strideOf(headSize);
  return range(headSize / 16)
    .map(
      (k) =>
        `let ${name}${k} = subgroupMatrixLoad<Left, row_major>(&tile, subgroup * ${16 * stride}u + ${2 * k}u, ${stride}u);`,
    )
    .join('\n  ');
}

/** `result`0 … `result`7: products of an invocation's row with 32 rows of the tile. */
export function rowProducts(result: string, rows: string, headSize: number): string {
  const stride = strideOf(headSize);
  const columns = range(rowsOfHalfTile / 16);
  const products = columns.flatMap((n) => [
    `var ${result}Sums${n} = Sums();`,
    ...range(headSize / 16).flatMap((k) => [
      `let ${result}Right${n}${k} = subgroupMatrixLoad<Right, col_major>(&tile, ${16 * n * stride + 2 * k}u, ${stride}u);`,
      `${result}Sums${n} = subgroupMatrixMultiplyAccumulate(${rows}${k}, ${result}Right${n}${k}, ${result}Sums${n});`,
    ]),
    `subgroupMatrixStore<row_major>(&tile, mine + ${4 * n}u, ${result}Sums${n}, ${scoreStride}u);`,
  ]);
  return `
    ${products.join('\n    ')}
    workgroupBarrier();
    ${vectors.map((i) => `var ${result}${i} = bitcast<vec4f>(tile[mine + row * ${scoreStride}u + 8u * side + ${i}u]);`).join('\n    ')}`;
}

/** Stores `weight`0 … `weight`7 for `addWeighted`; no invocation may read the places meanwhile. */
export function keepWeights(weight: string): string {
  return range(vectors.length / 2)
    .map(
      (i) =>
        `tile[mine + row * ${weightStride}u + 4u * side + ${i}u] = vec4u(${halves(`${weight}${2 * i}`)}, ${halves(`${weight}${2 * i + 1}`)});`,
    )
    .join('\n    ');
}

export function zeroSums(sums: string, headSize: number): string {
  return range(headSize / 16)
    .map((n) => `var ${sums}${n} = Sums();`)
    .join(' ');
}

/** Adds the stored weights times the tile to the sums. */
export function addWeighted(sums: string, headSize: number): string {
  const stride = strideOf(headSize);
  const lines = range(rowsOfHalfTile / 16).flatMap((k) => [
    `let ${sums}Left${k} = subgroupMatrixLoad<Left, row_major>(&tile, mine + ${2 * k}u, ${weightStride}u);`,
    ...range(headSize / 16).flatMap((n) => [
      `let ${sums}Right${k}${n} = subgroupMatrixLoad<Right, row_major>(&tile, ${16 * k * stride + 2 * n}u, ${stride}u);`,
      `${sums}${n} = subgroupMatrixMultiplyAccumulate(${sums}Left${k}, ${sums}Right${k}${n}, ${sums}${n});`,
    ]),
  ]);
  return `{
    ${lines.join('\n    ')}
    }`;
}

/** Writes the sums, times `factor` if there is one, to the rows of a tensor, 64 columns at a time. */
export function storeSums(sums: string, { name, exists, row }: Rows, headSize: number, factor = ''): string {
  const fragments = range(headSize / 16);
  const times = factor && ` * ${factor}`;
  return range(Math.ceil(headSize / rowsOfHalfTile))
    .map(
      (part) => `
  workgroupBarrier();
  ${fragments
    .slice(4 * part, 4 * part + 4)
    .map((n, i) => `subgroupMatrixStore<row_major>(&tile, mine + ${4 * i}u, ${sums}${n}, ${scoreStride}u);`)
    .join(' ')}
  workgroupBarrier();
  if (${exists('ownRow')}) {
    let at = ${row('ownRow')} * p.fours;
    for (var i = 0u; i < 8u; i++) {
      let four = 8u * side + i;
      if (${16 * part}u + four < p.fours) {
        ${name}[at + ${16 * part}u + four] = bitcast<vec4f>(tile[mine + row * ${scoreStride}u + four])${times};
      }
    }
  }`,
    )
    .join('');
}
