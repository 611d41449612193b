import type { Data } from '../../program/op.ts';
import { roundHalfEven } from '../../rounding.ts';
import { element } from '../element.ts';

interface Ternary {
  /** −1, 0, 1 [out, width] */
  readonly codes: Data;
  readonly scale: number;
}

/** s = 127 / max(max|x|, 1e-5); q = clamp(round(x·s), −128, 127), token by token; the value of a unit of q is 1/s. */
export function quantiseReference(x: Data, width: number): { q: Float64Array; step: Float64Array } {
  const q = new Float64Array(x.length);
  const step = new Float64Array(x.length / width);
  for (let row = 0; row < step.length; row++) {
    const one = Float64Array.from(x.subarray(row * width, (row + 1) * width));
    const largest = one.reduce((max, value) => Math.max(max, Math.abs(value)), 1e-5);
    step[row] = largest / 127;
    for (let c = 0; c < width; c++) q[row * width + c] = roundHalfEven((element(one, c) * 127) / largest);
  }
  return { q, step };
}

/** out = (Σ q·w)·t / s: sums of ±q, scaled once */
export function ternaryLinearReference(x: Data, { codes, scale }: Ternary, width: number, y: Data): void {
  const { q, step } = quantiseReference(x, width);
  const out = codes.length / width;
  for (let row = 0; row < step.length; row++) {
    for (let o = 0; o < out; o++) {
      let sum = 0;
      for (let c = 0; c < width; c++) sum += element(q, row * width + c) * element(codes, o * width + c);
      y[row * out + o] = sum * scale * element(step, row);
    }
  }
}

/** Straight through both quantisers: dx = dOut·(w·t), dW = dOutᵀ·(q/s). `dWeight` is added to. */
export function ternaryLinearBackwardReference(
  { x, weight, width }: { x: Data; weight: Ternary; width: number },
  dOut: Data,
  { dx, dWeight }: { dx: Data; dWeight: Data },
): void {
  const { q, step } = quantiseReference(x, width);
  const out = dOut.length / step.length;
  dx.fill(0);
  for (let row = 0; row < step.length; row++) {
    for (let o = 0; o < out; o++) {
      const d = element(dOut, row * out + o);
      for (let c = 0; c < width; c++) {
        dx[row * width + c]! += d * element(weight.codes, o * width + c) * weight.scale;
        dWeight[o * width + c]! += d * element(q, row * width + c) * element(step, row);
      }
    }
  }
}
