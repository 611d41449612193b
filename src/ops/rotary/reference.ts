import type { Data } from '../../program/op.ts';

/** Turns per token of each pair of a head's entries: θ^(−2i/size) / 2π for i = 0 … size/2 − 1 */
export function turnsPerToken(headSize: number, theta: number): number[] {
  return Array.from({ length: headSize / 2 }, (_, i) => theta ** ((-2 * i) / headSize) / (2 * Math.PI));
}

/** Row t of the table: the cosines, then the sines, of the angles of position `first` + t. */
export function rotaryTableReference(turns: readonly number[], first: number, table: Data): void {
  const half = turns.length;
  for (let t = 0; t * 2 * half < table.length; t++) {
    for (let i = 0; i < half; i++) {
      const angle = 2 * Math.PI * (first + t) * turns[i]!;
      table[t * 2 * half + i] = Math.cos(angle);
      table[t * 2 * half + half + i] = Math.sin(angle);
    }
  }
}

/**
 * Rotates each head's halves a and b, as points (a_i, b_i), by the angles of their position: (a·cos − b·sin,
 * b·cos + a·sin). `direction` −1 rotates back, which is the backward pass. x [.., length, heads · size].
 */
export function rotaryReference(
  x: Data,
  table: Data,
  { length, width, headSize }: { length: number; width: number; headSize: number },
  direction: 1 | -1,
  y: Data,
): void {
  const half = headSize / 2;
  for (let start = 0; start < x.length; start += headSize) {
    const row = (Math.floor(start / width) % length) * headSize;
    for (let i = 0; i < half; i++) {
      const [a, b] = [x[start + i]!, x[start + half + i]!];
      const [cos, sin] = [table[row + i]!, direction * table[row + half + i]!];
      y[start + i] = a * cos - b * sin;
      y[start + half + i] = b * cos + a * sin;
    }
  }
}
