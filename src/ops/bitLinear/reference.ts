import type { Data } from '../../program/op.ts';
import { roundHalfEven } from '../../rounding.ts';
import { rmsNormBackwardReference, rmsNormReference } from '../rmsNorm/reference.ts';

/** BitLinear's own norm uses this ε in the released code, whatever the model's configuration contains. */
export const epsilon = 1e-6;

/** y = RMSNorm(x; γ); s = 127 / max(max|y|, 1e-5); q = clamp(round(y·s), −128, 127), token by token. */
export function quantiseActivationsReference(x: Data, gamma: Data): { q: Float64Array; step: Float64Array } {
  const width = gamma.length;
  const rows = x.length / width;
  const y = new Float64Array(x.length);
  rmsNormReference(x, gamma, epsilon, y);
  const q = new Float64Array(x.length);
  const step = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const one = y.subarray(row * width, (row + 1) * width);
    const largest = one.reduce((max, value) => Math.max(max, Math.abs(value)), 1e-5);
    step[row] = largest / 127;
    q.set(
      one.map((value) => clamp(roundHalfEven((value * 127) / largest), -128, 127)),
      row * width,
    );
  }
  return { q, step };
}

/** t = max(mean|W|, 1e-5); w = clamp(round(W / t), −1, 1) */
export function quantiseWeightsReference(weight: Data): { codes: Float64Array; scale: number } {
  let sum = 0;
  for (const value of weight) sum += Math.abs(value);
  const scale = Math.max(sum / weight.length, 1e-5);
  return { codes: Float64Array.from(weight, (value) => clamp(roundHalfEven(value / scale), -1, 1)), scale };
}

/** out = (Σ q·w)·t / s: sums of ±q, scaled once */
export function bitLinearReference(
  x: Data,
  gamma: Data,
  weight: { codes: Data; scale: number },
  out: number,
  y: Data,
): void {
  const width = gamma.length;
  const { q, step } = quantiseActivationsReference(x, gamma);
  for (let row = 0; row < step.length; row++) {
    for (let o = 0; o < out; o++) {
      let sum = 0;
      for (let c = 0; c < width; c++) sum += q[row * width + c]! * weight.codes[o * width + c]!;
      y[row * out + o] = sum * weight.scale * step[row]!;
    }
  }
}

/**
 * Straight through both quantisers: dŷ = dOut·Ŵ, dW = dOutᵀ·ŷ with ŷ = q/s and Ŵ = w·t, then RMSNorm's own
 * backward pass. Adds to dx, dgamma and dWeight.
 */
export function bitLinearBackwardReference(
  { x, gamma, weight }: { x: Data; gamma: Data; weight: { codes: Data; scale: number } },
  dOut: Data,
  sums: { dx: Data; dgamma: Data; dWeight: Data },
): void {
  const width = gamma.length;
  const { q, step } = quantiseActivationsReference(x, gamma);
  const out = dOut.length / step.length;
  const dy = new Float64Array(x.length);
  for (let row = 0; row < step.length; row++) {
    for (let o = 0; o < out; o++) {
      const d = dOut[row * out + o]!;
      for (let c = 0; c < width; c++) {
        dy[row * width + c]! += d * weight.codes[o * width + c]! * weight.scale;
        sums.dWeight[o * width + c]! += d * q[row * width + c]! * step[row]!;
      }
    }
  }
  rmsNormBackwardReference(x, gamma, epsilon, dy, sums.dx, sums.dgamma);
}

function clamp(x: number, low: number, high: number): number {
  return Math.min(Math.max(x, low), high);
}
