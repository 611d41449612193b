import type { Data } from '../../program/op.ts';

/**
 * Row t of the table: magnitude times the cosines, then the sines, of the angles of its position, which is positions[t],
 * or t after the only one given, or t.
 */
export function rotaryTableReference(
  { frequencies, magnitude }: { readonly frequencies: readonly number[]; readonly magnitude: number },
  positions: Data | undefined,
  table: Data,
): void {
  const half = frequencies.length;
  const length = table.length / (2 * half);
  for (let t = 0; t < length; t++) {
    const position = positions?.length === length ? positions[t]! : (positions?.[0] ?? 0) + t;
    for (let i = 0; i < half; i++) {
      const angle = position * frequencies[i]!;
      table[t * 2 * half + i] = magnitude * Math.cos(angle);
      table[t * 2 * half + half + i] = magnitude * Math.sin(angle);
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
