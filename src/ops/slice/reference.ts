import type { Data } from '../../program/op.ts';

/** y[i] = x[first + i] */
export function sliceReference(x: Data, first: number, y: Data): void {
  y.set(x.subarray(first, first + y.length));
}

/** dx[first + i] += dy[i] */
export function sliceBackwardReference(dy: Data, first: number, dx: Data): void {
  for (const [i, d] of dy.entries()) dx[first + i]! += d;
}
