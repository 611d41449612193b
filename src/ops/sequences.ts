/** How the rows that a recurrence reads belong to sequences. */
import type { Tensor } from '../program/tensor.ts';

export type Sequences =
  /** Rows [batch, length, …]: each of the batch is a sequence, which goes on from its row of the states [batch, …]. */
  | { readonly kind: 'batch' }
  /**
   * Rows [1, rows, …], tokens of many sequences: row r goes on from row `slots[r]` of the states [count, …], with
   * `slots` [rows] i32 in [0, count). Rows of one slot stand together, in the order of their tokens. States of slots
   * that no row names stay as they are.
   */
  | { readonly kind: 'slots'; readonly slots: Tensor };

/** Each row of the batch is a sequence. */
export const batch: Sequences = { kind: 'batch' };

/** The states of all slots, which the slot form of an op needs. */
export function statesOf(op: string, states: Tensor | undefined): Tensor {
  if (!states) throw new Error(`${op}: expected the states of all slots, found none`);
  return states;
}
