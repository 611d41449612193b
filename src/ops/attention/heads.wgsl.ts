/**
 * Helpers shared by all attention shaders: head layout and causal mask. They expect `batch`, `head` and `keyHead` in
 * scope, and the tile's `firstQuery` and `firstKey`.
 */
import type { Tensor } from '../../program/tensor.ts';
import type { AttentionSizes } from './reference.ts';

/** Rows of a tensor with heads. */
export interface Rows {
  readonly name: string;
  /** Whether there is a row `r` of the tile. */
  readonly exists: (r: string) => string;
  /** Its index, in units of a head; for a row that does not exist, the index of one that does. */
  readonly row: (r: string) => string;
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
    exists: (r) => `firstKey + ${r} < p.capacity`,
    row: (r) => `((batch * p.capacity + min(firstKey + ${r}, p.capacity - 1u)) * p.keyHeads + keyHead)`,
  };
}

/** `before`: the number of tokens before the first query, in a form that the compiler knows to be uniform. */
export function tokensBefore(first: Tensor | undefined): string {
  if (!first) return 'let before = 0u;';
  return `
  if (lane == 0u) { sharedBefore = first[0]; }
  let before = u32(workgroupUniformLoad(&sharedBefore));`;
}

/** The tensor that `tokensBefore` reads. */
export function sharedBefore(first: Tensor | undefined): string {
  return first ? 'var<workgroup> sharedBefore: i32;' : '';
}

export function attentionNumbers({ length, capacity, heads, keyHeads, headSize }: AttentionSizes) {
  return { length, capacity, heads, keyHeads, fours: headSize / 4, scale: { f32: 1 / Math.sqrt(headSize) } };
}
