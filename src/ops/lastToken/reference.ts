import type { Data } from '../../program/op.ts';

/** y_n = x_{n, length − 1} */
export function lastTokenReference(x: Data, length: number, width: number, y: Data): void {
  const batch = y.length / width;
  for (let n = 0; n < batch; n++) {
    const row = ((n + 1) * length - 1) * width;
    y.set(x.subarray(row, row + width), n * width);
  }
}

/** Writes the slots' last rows over those in `last`. */
export function lastTokenSlotsReference(x: Data, slots: Data, width: number, last: Data): void {
  for (const [row, slot] of slots.entries()) {
    last.set(x.subarray(row * width, (row + 1) * width), slot * width);
  }
}
