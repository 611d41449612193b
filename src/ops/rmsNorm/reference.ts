import type { Data } from '../../program/op.ts';
import { element } from '../element.ts';

/** y = x · rsqrt(mean(x²) + ε) · γ, row by row */
export function rmsNormReference(x: Data, gamma: Data, epsilon: number, y: Data): void {
  const width = gamma.length;
  for (let row = 0; row < x.length; row += width) {
    const r = inverseRms(x.subarray(row, row + width), epsilon);
    for (let c = 0; c < width; c++) y[row + c] = element(x, row + c) * r * element(gamma, c);
  }
}

/** rsqrt(mean(x²) + ε) of one row */
function inverseRms(row: Data, epsilon: number): number {
  let squares = 0;
  for (const x of row) squares += x * x;
  return 1 / Math.sqrt(squares / row.length + epsilon);
}

/**
 * With n = x·r and e = dy ⊙ γ: dx = r·(e − n · mean(e ⊙ n)), dγ = Σ_rows dy ⊙ n.
 * Adds to dx and dgamma.
 */
export function rmsNormBackwardReference(
  x: Data,
  gamma: Data,
  epsilon: number,
  dy: Data,
  dx: Data,
  dgamma: Data,
): void {
  const width = gamma.length;
  for (let row = 0; row < x.length; row += width) {
    const r = inverseRms(x.subarray(row, row + width), epsilon);
    let mean = 0;
    for (let c = 0; c < width; c++)
      mean += (element(dy, row + c) * element(gamma, c) * element(x, row + c) * r) / width;
    for (let c = 0; c < width; c++) {
      const n = element(x, row + c) * r;
      dx[row + c]! += r * (element(dy, row + c) * element(gamma, c) - n * mean);
      dgamma[c]! += element(dy, row + c) * n;
    }
  }
}
