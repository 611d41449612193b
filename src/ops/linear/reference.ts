import type { Data } from '../../program/op.ts';

/** y = x·Wᵀ, rows of x [rows, width], W [out, width] */
export function linearReference(x: Data, weight: ArrayLike<number>, width: number, y: Data): void {
  const out = weight.length / width;
  for (let row = 0; row * width < x.length; row++) {
    for (let o = 0; o < out; o++) {
      let sum = 0;
      for (let c = 0; c < width; c++) sum += x[row * width + c]! * weight[o * width + c]!;
      y[row * out + o] = sum;
    }
  }
}

/** dx = dy·W, dW = dyᵀ·x. Adds to dx and dWeight. */
export function linearBackwardReference(
  { x, weight, width }: { x: Data; weight: Data; width: number },
  dy: Data,
  { dx, dWeight }: { dx: Data; dWeight: Data },
): void {
  const out = weight.length / width;
  for (let row = 0; row * width < x.length; row++) {
    for (let o = 0; o < out; o++) {
      const d = dy[row * out + o]!;
      for (let c = 0; c < width; c++) {
        dx[row * width + c]! += d * weight[o * width + c]!;
        dWeight[o * width + c]! += d * x[row * width + c]!;
      }
    }
  }
}
