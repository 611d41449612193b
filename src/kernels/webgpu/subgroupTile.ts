/**
 * A subgroup's work on tensor cores: 64 × 64 sums as 4 × 4 fragments of 16 × 16, from tiles of both operands in workgroup
 * memory. More sums do not fit its registers; fewer would load more fragments for each product, and loading fragments
 * takes most of the time.
 */

/** The fragments of a side. */
const fragments = [0, 1, 2, 3];

const pairs = fragments.flatMap((m) => fragments.map((n) => [m, n] as const));

/** Sums c00 … c33, of type `Sums`. */
export const zeroSums = pairs.map(([m, n]) => `var c${m}${n} = Sums();`).join(' ');

/** An operand's tile: a pointer to vectors, the subgroup's first one, and vectors from row to row. */
export interface SubgroupTile {
  readonly tile: string;
  readonly first: string;
  readonly stride: number;
}

/** Adds the product of one fragment's columns, those from vector `k` of each row on, to the sums. */
export function multiplyFragments(left: SubgroupTile, right: SubgroupTile, k: number): string {
  const load = (
    side: 'Left, row_major' | 'Right, col_major',
    { tile, first, stride }: SubgroupTile,
    i: number,
  ) => `subgroupMatrixLoad<${side}>(${tile}, ${first} + ${16 * i * stride + k}u, ${stride}u)`;
  const lines = [
    ...fragments.map((n) => `let b${n} = ${load('Right, col_major', right, n)};`),
    ...fragments.flatMap((m) => [
      `let a${m} = ${load('Left, row_major', left, m)};`,
      ...fragments.map((n) => `c${m}${n} = subgroupMatrixMultiplyAccumulate(a${m}, b${n}, c${m}${n});`),
    ]),
  ];
  return `{
      ${lines.join('\n      ')}
    }`;
}

/** Vectors of four sums in a row of 16 × 64 while they are stored, plus one, so that rows start in different banks. */
const outStride = 17;
/** Vectors of workgroup memory for a subgroup's 16 × 64 sums. */
const outVectors = 16 * outStride;

/** Vectors of the tiles' memory, which also holds sums after the last tiles are multiplied. */
export function tileVectors(operands: number, subgroups: number): number {
  return Math.max(operands, outVectors * subgroups);
}

/**
 * Stores the sums by way of the array `tile`, 16 rows of 64 at a time. The kernel's function
 * `writeOut(lane, corner, below, …)`, which also gets the arguments `at`, finds four adjacent sums of row i in
 * `tile[sumAt(corner, i, four)]`, where rows are counted from `below`. No lane may read the operands any more.
 */
export const bringOut = (at: string) => `let corner = subgroup * ${outVectors}u;
  ${fragments
    .map(
      (
        m,
      ) => `${fragments.map((n) => `subgroupMatrixStore<row_major>(&tile, corner + ${4 * n}u, c${m}${n}, ${outStride}u);`).join(' ')}
  workgroupBarrier();
  writeOut(lane % 32u, corner, ${16 * m}u, ${at});
  workgroupBarrier();`,
    )
    .join('\n  ')}`;

/** Index of columns 4·four … 4·four + 3 of row `i` of a subgroup's 16 × 64 sums. */
export const sumAt = `fn sumAt(corner: u32, i: u32, four: u32) -> u32 { return corner + i * ${outStride}u + four; }`;
