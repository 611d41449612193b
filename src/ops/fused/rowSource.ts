/**
 * What comes before the projections of a block, for many rows at a time: RMSNorm(x), RMSNorm(x) ⊙ SiLU(h), or
 * SiLU(g) ⊙ v of rows x = [g, v]. Its result a is r0·u, with u a product of what is read and r0 the norm's factor
 * (1 where there is no norm); kernels compute it again from its operands instead of storing it.
 */
import type { GpuFeatures } from '../../program/op.ts';
import type { Tensor } from '../../program/tensor.ts';
import { widthOf } from '../shapes.ts';

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

/** The norm's ε; whatever where there is no norm. */
export function sourceEpsilon(source: RowSource): number {
  return source.kind === 'swiglu' ? 0 : source.epsilon;
}

/** How the lanes of a workgroup share a row, in groups of four columns: each lane `loads` of them. */
export interface RowCut {
  readonly fours: number;
  readonly lanes: number;
  readonly loads: number;
}

/** Lanes for rows of `width`, each with about `each` groups of four columns. */
export function cutRow(width: number, each: number): RowCut {
  const fours = width / 4;
  const lanes = Math.min(Math.max(2 ** Math.ceil(Math.log2(fours / each)), 32), 256);
  return { fours, lanes, loads: Math.ceil(fours / lanes) };
}

/** Whether a device binds `tensors` at once. */
export function bindsAll(
  tensors: Readonly<Record<string, Tensor | undefined>>,
  features: GpuFeatures,
): boolean {
  return Object.values(tensors).filter(Boolean).length <= features.mostBindings;
}

/** `body` for each of a lane's groups of columns that the row has; `at` is the group's place in the row. */
export function eachLoad({ lanes, loads, fours }: RowCut, body: (k: number, at: string) => string): string {
  return Array.from({ length: loads }, (_, k) => {
    const at = `(lane + ${k * lanes}u)`;
    return (k + 1) * lanes <= fours ? body(k, at) : `if (${at} < ${fours}u) { ${body(k, at)} }`;
  }).join('\n      ');
}

/** SiLU of four numbers. */
export const siluFour = `
fn sigmoidFour(x: vec4f) -> vec4f { return vec4f(sigmoid(x.x), sigmoid(x.y), sigmoid(x.z), sigmoid(x.w)); }
fn siluFour(x: vec4f) -> vec4f { return x * sigmoidFour(x); }
`;
