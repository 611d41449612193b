/**
 * What attention's shaders share, whatever they compute with: where rows of heads lie, and which of them see each other.
 * In scope are `batch`, `head` and `keyHead`, and the tile's `firstQuery` and `firstKey`.
 */
import type { Tensor } from '../../program/tensor.ts';
import type { AttentionSizes } from './reference.ts';

/** Rows of a tensor with heads. */
export interface Rows {
  readonly name: string;
  /** Whether there is a row `r` of the tile. */
  readonly exists: (r: string) => string;
  /** Its index, in units of a head; that of another one if there is none. */
  readonly row: (r: string) => string;
}

/** What no score is below: a key that is not seen. */
export const lowest = '-3.0e38';

/** The queries that see most keys are taken first: what is left for the end is short. */
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

/** `before`: the tokens before the first query, the same for all invocations as far as the compiler knows. */
export function tokensBefore(first: Tensor | undefined): string {
  if (!first) return 'let before = 0u;';
  return `
  if (lane == 0u) { sharedBefore = first[0]; }
  let before = u32(workgroupUniformLoad(&sharedBefore));`;
}

/** What `tokensBefore` reads. */
export function sharedBefore(first: Tensor | undefined): string {
  return first ? 'var<workgroup> sharedBefore: i32;' : '';
}

export function attentionNumbers({ length, capacity, heads, keyHeads, headSize }: AttentionSizes) {
  return { length, capacity, heads, keyHeads, fours: headSize / 4, scale: { f32: 1 / Math.sqrt(headSize) } };
}
