/**
 * Decoding in few kernels. For one token, or a few, starting a kernel costs more than running a projection. So one
 * kernel computes a whole run of calls: what precedes the projections (a norm), BitLinear's own norm and quantiser, the
 * ternary products, and the use of their results.
 */
import type { Tensor } from '../../program/tensor.ts';

/** The input of the projections: x itself, RMSNorm(x; gamma), or RMSNorm(x; gamma) ⊙ SiLU(h). */
export type Prologue =
  | { readonly kind: 'none' }
  | { readonly kind: 'rmsNorm'; readonly gamma: Tensor; readonly epsilon: number }
  | { readonly kind: 'gatedNorm'; readonly h: Tensor; readonly gamma: Tensor; readonly epsilon: number };

/** The use of the products y0, y1, …: stored, added, gated, or read by the recurrence. */
export type Epilogue =
  | { readonly kind: 'none'; readonly y: Tensor }
  | { readonly kind: 'add'; readonly to: Tensor; readonly y: Tensor }
  | { readonly kind: 'swiglu'; readonly y: Tensor }
  | {
      readonly kind: 'mlgru';
      readonly start: Tensor | undefined;
      readonly bounds: Tensor | undefined;
      readonly layer: number;
      readonly h: Tensor;
      readonly last: Tensor;
      readonly g: Tensor;
    };

export interface FusedProjections {
  readonly x: Tensor;
  readonly prologue: Prologue;
  readonly matrices: readonly Readonly<Record<'norm' | 'codes' | 'scale', Tensor>>[];
  readonly epilogue: Epilogue;
}

/** The tensors by their names in kernels. */
export function projectionTensors({
  x,
  prologue,
  matrices,
  epilogue,
}: FusedProjections): Record<string, Tensor | undefined> {
  const { kind: _before, epsilon: _epsilon, ...before } = { epsilon: 0, ...prologue };
  const { kind: _after, layer: _layer, ...after } = { layer: 0, ...epilogue };
  const projections = matrices.flatMap((matrix, k) =>
    Object.entries(matrix).map(([name, tensor]) => [`${name}${k}`, tensor]),
  );
  const results = Object.entries(after).map(([name, tensor]) => [name === 'h' ? 'hidden' : name, tensor]);
  return Object.fromEntries([['x', x], ...Object.entries(before), ...projections, ...results]);
}
