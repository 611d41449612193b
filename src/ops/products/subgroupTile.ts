/**
 * What a subgroup does with tensor cores: 64 × 64 sums as 4 × 4 fragments of 16 × 16, from tiles of both operands in
 * workgroup memory. More sums do not fit its registers; fewer would load more fragments for each product, and loading
 * them is what takes the time.
 */

/** The fragments of a side. */
export const fragments = [0, 1, 2, 3];

export const pairs = fragments.flatMap((m) => fragments.map((n) => [m, n] as const));

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
