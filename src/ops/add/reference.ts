import type { Data } from '../../program/op.ts';

/** y = a + b, where b has a's size or is one row that is added to every row of a. */
export function addReference(a: Data, b: Data, y: Data): void {
  for (let i = 0; i < y.length; i++) y[i] = a[i]! + b[i % b.length]!;
}

/** y_c = before_c + Σ_rows x_rc */
export function columnSumReference(x: Data, before: Data | undefined, y: Data): void {
  for (let c = 0; c < y.length; c++) {
    let sum = before ? before[c]! : 0;
    for (let i = c; i < x.length; i += y.length) sum += x[i]!;
    y[c] = sum;
  }
}
