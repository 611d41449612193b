/** How the rows of a recurrence belong to sequences. */
import { expectShape, rowsOf, sizeOf } from '../program/shapes.ts';
import type { Shape, Tensor } from '../program/tensor.ts';

export type Sequences =
  /** Rows [batch, length, …]: each row of the batch is a sequence, which continues from its row of the states [batch, …]. */
  | { readonly kind: 'batch' }
  /**
   * Rows [1, rows, …], tokens of many sequences: row r continues from row `slots[r]` of the states [count, …], with
   * `slots` [rows] i32 in [0, count). Rows of one slot are adjacent, in the order of their tokens. The states of slots
   * without rows do not change.
   */
  | { readonly kind: 'slots'; readonly slots: Tensor };

/** Each row of the batch is a sequence. */
export const batch: Sequences = { kind: 'batch' };

/**
 * The operands of an op's slot form: the slots of the rows of x, and the states of all slots, each of shape `state`.
 * @throws Error if there are no states, or a shape is wrong
 */
export function slotOperands(
  op: string,
  x: Tensor,
  { slots }: Extract<Sequences, { readonly kind: 'slots' }>,
  states: Tensor | undefined,
  state: Shape,
): [slots: Tensor, states: Tensor] {
  if (!states) throw new Error(`${op}: found no states, expected those of all slots`);
  expectShape(op, 'slots', slots, [rowsOf(x)]);
  expectShape(op, 'states', states, [sizeOf(states, 0), ...state]);
  return [slots, states];
}
