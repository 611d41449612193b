/**
 * Helpers shared by all attention shaders: head layout and causal mask. They expect `batch`, `head` and `keyHead` in
 * scope, and the tile's `firstQuery` and `firstKey`.
 */
import type { AttentionSizes } from './reference.ts';

/** Rows of a tensor with heads. */
export interface Rows {
  readonly name: string;
  /** Whether there is a row `r` of the tile. */
  readonly exists: (r: string) => string;
  /** Its index, in units of a head; for a row that does not exist, the index of one that does. */
  readonly row: (r: string) => string;
  /** Four columns of a row from its index and theirs; by default, a vector of the array `name`. */
  readonly four?: (row: string, c: string) => string;
}

/** WGSL that loads columns 4c … 4c + 3 of the row with index `row`. */
export function loadFour({ name, four }: Rows, row: string, c: string): string {
  return four ? four(row, c) : `${name}[${row} * p.fours + ${c}]`;
}

/** The score of a key that is not seen; no other score is lower. */
export const lowest = '-3.0e38';

/** Queries that see the most keys start first, so that the last workgroups are short. */
export const longestFirst = (rows: number) =>
  `let firstQuery = ((p.length - 1u) / ${rows}u - group.y) * ${rows}u;`;

/** Row `r` of the queries from `firstQuery` on, of `head`. */
export function queryRow(name: string): Rows {
  return {
    name,
    exists: (r) => `firstQuery + ${r} < p.length`,
    row: (r) => `((batch * p.length + min(firstQuery + ${r}, p.length - 1u)) * p.heads + head)`,
  };
}

/** Row `r` of the keys from `firstKey` on, of `keyHead`. */
export function keyRow(name: string): Rows {
  return {
    name,
    exists: (r) => `firstKey + ${r} < p.length`,
    row: (r) => `((batch * p.length + min(firstKey + ${r}, p.length - 1u)) * p.keyHeads + keyHead)`,
  };
}

/**
 * How a kernel that processes tiles of queries finds them and their keys. In scope are `group`, `lane`, `head`, `keyHead`
 * and, from `begin` on, `firstQuery`.
 */
export interface TilePlaces {
  readonly declarations: string;
  /** Defines `keys`, the number of keys that the tile's queries see together, the same for all invocations. */
  readonly begin: string;
  /** Runs before each tile of keys, which begins at `firstKey`. */
  readonly eachTile: string;
  readonly rows: Readonly<Record<'q' | 'k' | 'v' | 'y', Rows>>;
  /** The last key that query `r` of the tile sees. */
  readonly lastKey: (r: string) => string;
  /** Stores the log-sum-exp of query `r`, where it exists. */
  readonly statistic: (r: string, logSum: string) => string;
}

/** Whole sequences, in tiles of `rows` queries. */
export function wholeSequences(rows: number): TilePlaces {
  return {
    declarations: '',
    begin: `let batch = group.z;
  ${longestFirst(rows)}
  let keys = min(firstQuery + ${rows}u, p.length);`,
    eachTile: '',
    rows: { q: queryRow('q'), k: keyRow('k'), v: keyRow('v'), y: queryRow('y') },
    lastKey: (r) => `(firstQuery + ${r})`,
    statistic: (r, logSum) =>
      `if (firstQuery + ${r} < p.length) { logSumExp[(batch * p.length + firstQuery + ${r}) * p.heads + head] = ${logSum}; }`,
  };
}

export function attentionNumbers({ length, heads, keyHeads, headSize }: AttentionSizes) {
  return { length, heads, keyHeads, fours: headSize / 4, scale: { f32: 1 / Math.sqrt(headSize) } };
}
