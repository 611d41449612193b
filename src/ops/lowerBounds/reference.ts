import type { Data } from '../../program/op.ts';

/** Column by column: p = softmax over layers, bound_l = (Σ_{k≤l} p_k) − p_0, so that bound_0 = 0. */
export function lowerBoundsReference(raw: Data, layers: number, bounds: Data): void {
  const width = raw.length / layers;
  for (let c = 0; c < width; c++) {
    const p = softmaxColumn(raw, layers, width, c);
    let sum = 0;
    for (let l = 0; l < layers; l++) {
      if (l > 0) sum += p[l]!;
      bounds[l * width + c] = sum;
    }
  }
}

/** dp_k = Σ_{l≥k} dbound_l for k ≥ 1, dp_0 = 0; draw = p ⊙ (dp − Σ p·dp). Adds to draw. */
export function lowerBoundsBackwardReference(raw: Data, layers: number, dBounds: Data, dRaw: Data): void {
  const width = raw.length / layers;
  for (let c = 0; c < width; c++) {
    const p = softmaxColumn(raw, layers, width, c);
    const dp = new Float64Array(layers);
    for (let l = layers - 1; l > 0; l--) dp[l] = (dp[l + 1] ?? 0) + dBounds[l * width + c]!;
    let mean = 0;
    for (let l = 0; l < layers; l++) mean += p[l]! * dp[l]!;
    for (let l = 0; l < layers; l++) dRaw[l * width + c]! += p[l]! * (dp[l]! - mean);
  }
}

function softmaxColumn(raw: Data, layers: number, width: number, column: number): Float64Array {
  const values = Float64Array.from({ length: layers }, (_, l) => raw[l * width + column]!);
  const max = Math.max(...values);
  const exponentials = values.map((value) => Math.exp(value - max));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}
