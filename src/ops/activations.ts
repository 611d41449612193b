/** The activations of the references, as formulas. */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** SiLU (swish) */
export function silu(x: number): number {
  return x * sigmoid(x);
}

/** The derivative of SiLU */
export function siluSlope(x: number): number {
  return sigmoid(x) * (1 + x * (1 - sigmoid(x)));
}
