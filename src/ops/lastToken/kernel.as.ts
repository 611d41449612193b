import { floatAt, shareStart } from "../../kernels/cpu/math.as";
import { copyColumns, copyStates, slotOf } from "../../kernels/cpu/slots.as";

@unmanaged
class LastToken {
  x: usize; // [batch, length, width]
  y: usize; // [batch, width]
  batch: i32;
  length: i32;
  width: i32;
}

export function lastToken(args: usize, thread: i32, threads: i32): void {
  const p = changetype<LastToken>(args);
  const end = shareStart(p.batch, 1, thread + 1, threads);
  for (let n = shareStart(p.batch, 1, thread, threads); n < end; n++) {
    const row = floatAt(p.x, (n + 1) * p.length - 1, p.width);
    memory.copy(floatAt(p.y, n, p.width), row, (<usize>p.width) << 2);
  }
}

@unmanaged
class LastTokenSlots {
  x: usize; // [rows, width]
  slots: usize; // [rows] i32
  before: usize; // [count, width]
  next: usize; // [count, width]; may be the memory of `before`
  rows: i32;
  width: i32;
  count: i32;
}

/** Threads share columns. */
export function lastTokenSlots(args: usize, thread: i32, threads: i32): void {
  const p = changetype<LastTokenSlots>(args);
  const width = p.width;
  const from = shareStart(width, 16, thread, threads);
  const end = shareStart(width, 16, thread + 1, threads);
  copyStates(p.next, p.before, p.count, width, from, end);
  for (let row = 0; row < p.rows; row++) {
    const slot = slotOf(p.slots, row);
    if (row + 1 < p.rows && slotOf(p.slots, row + 1) == slot) continue;
    copyColumns(floatAt(p.next, slot, width), floatAt(p.x, row, width), from, end);
  }
}
