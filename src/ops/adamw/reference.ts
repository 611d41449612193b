import type { Data } from '../../program/op.ts';
import { element } from '../element.ts';

/** The settings of an AdamW step; the host writes them before each run. */
export interface StepSettings {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Number of this step: 1, 2, … */
  readonly step: number;
  /** Gradients with a greater global norm are scaled down to it; Infinity: never. */
  readonly maxNorm: number;
}

/** The settings as the kernels read them: rates, and the bias corrections 1 − βᵗ. */
export function settingsVector(s: StepSettings): Float32Array {
  const corrections = [1 - s.beta1 ** s.step, 1 - s.beta2 ** s.step];
  return Float32Array.of(s.learningRate, s.beta1, s.beta2, s.epsilon, ...corrections, s.maxNorm, 0);
}

/**
 * AdamW (Loshchilov and Hutter, 2019), as PyTorch computes it:
 * w ← w·(1 − lr·λ); m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²;
 * w ← w − lr·(m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε).
 */
export function adamwReference(
  state: { w: Data; m: Data; v: Data },
  g: Data,
  settings: Data,
  clip: number,
  decay: number,
  next: { w: Data; m: Data; v: Data },
): void {
  const [rate, beta1, beta2, epsilon, correction1, correction2] = settings as unknown as number[];
  for (let i = 0; i < g.length; i++) {
    const gradient = element(g, i) * clip;
    const m = beta1! * element(state.m, i) + (1 - beta1!) * gradient;
    const v = beta2! * element(state.v, i) + (1 - beta2!) * gradient * gradient;
    const step = m / correction1! / (Math.sqrt(v / correction2!) + epsilon!);
    next.w[i] = element(state.w, i) * (1 - rate! * decay) - rate! * step;
    next.m[i] = m;
    next.v[i] = v;
  }
}

/** before + Σ x² */
export function sumOfSquaresReference(x: Data, before: number): number {
  let sum = before;
  for (const value of x) sum += value * value;
  return sum;
}

/** [norm, coefficient]: the global norm, and min(1, maxNorm / (norm + 1e-6)), as PyTorch's clip_grad_norm_. */
export function clipReference(squares: number, maxNorm: number): [norm: number, coefficient: number] {
  const norm = Math.sqrt(squares);
  return [norm, Math.min(1, maxNorm / (norm + 1e-6))];
}
