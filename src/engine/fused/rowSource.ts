/**
 * The source of a block's projections, for many rows at a time: RMSNorm(x), RMSNorm(x) ⊙ SiLU(h), or SiLU(g) ⊙ v of
 * rows x = [g, v]. Its result a is r0·u, where u is a product of its operands and r0 the norm's factor (1 without a
 * norm). Kernels recompute it from its operands instead of storing it.
 */
import { widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

export type RowSource =
  | { readonly kind: 'rmsNorm'; readonly x: Tensor; readonly gamma: Tensor; readonly epsilon: number }
  | {
      readonly kind: 'gatedNorm';
      readonly x: Tensor;
      readonly h: Tensor;
      readonly gamma: Tensor;
      readonly epsilon: number;
    }
  | { readonly kind: 'swiglu'; readonly x: Tensor };

/** Columns of a row of the source's result. */
export function sourceWidth({ kind, x }: RowSource): number {
  return kind === 'swiglu' ? widthOf(x) / 2 : widthOf(x);
}

export function sourceTensors(source: RowSource): Record<string, Tensor> {
  const { kind: _, epsilon: __, ...tensors } = { epsilon: 0, ...source };
  return tensors;
}

/** The norm's ε; unused without a norm. */
export function sourceEpsilon(source: RowSource): number {
  return source.kind === 'swiglu' ? 0 : source.epsilon;
}
