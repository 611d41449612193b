// Tables of the states of many sequences, one row a slot. Threads share columns.

import { floatAt } from "./math.as";

/** Copies the columns [from, end) of all states, unless `next` is the memory of `states`. */
export function copyStates(next: usize, states: usize, count: i32, width: i32, from: i32, end: i32): void {
  if (next == states) return;
  for (let slot = 0; slot < count; slot++) copyColumns(floatAt(next, slot, width), floatAt(states, slot, width), from, end);
}

/** The columns [from, end) of a row. */
// @ts-ignore: decorator
@inline
export function copyColumns(to: usize, row: usize, from: i32, end: i32): void {
  const offset = <usize>from << 2;
  memory.copy(to + offset, row + offset, <usize>(end - from) << 2);
}

/** The slot of a row. */
// @ts-ignore: decorator
@inline
export function slotOf(slots: usize, row: i32): i32 {
  return load<i32>(slots + (<usize>row << 2));
}
