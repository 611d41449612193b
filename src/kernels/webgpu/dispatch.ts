import type { Tensor } from '../../program/tensor.ts';

/** Features beyond WebGPU's core that lowerings choose their shaders by. */
export interface GpuFeatures {
  /** Tensor cores for int8: subgroup matrices i8 → i32 of 16 × 16 × 32, in subgroups of 32. */
  readonly int8Matrices: boolean;
  /** Tensor cores for halves: subgroup matrices f16 → f32 of 16 × 16 × 16, in subgroups of 32. */
  readonly halfMatrices: boolean;
  /** Invocations of a subgroup, if all subgroups have the same. */
  readonly subgroupSize: number | undefined;
  /** Tensors that a shader can bind. */
  readonly maxBindings: number;
}

/**
 * A run of a WebGPU shader. `code` is WGSL with an entry point `main`. It sees its tensors as arrays with the names given
 * here, and its numbers as members of `p`: u32, or f32 if wrapped as `{ f32 }`. Tensors are arrays of f32, i32 or, for all
 * narrower types, u32 words, unless `types` says otherwise; `undefined` ones are not declared. Temporaries that are no
 * operands of the call are scratch of its dispatches: see `scratch` in wgsl.ts. Two names may share memory where the op
 * allows it, so they must have one type.
 */
export interface Dispatch {
  readonly shader: string;
  /** WGSL extensions that the code enables; only those in `GpuFeatures`. */
  readonly requires?: readonly string[];
  readonly code: string;
  readonly tensors: Readonly<Record<string, Tensor | undefined>>;
  readonly types?: Readonly<Record<string, string>>;
  readonly numbers: Readonly<Record<string, number | { readonly f32: number }>>;
  readonly workgroups: readonly [x: number, y: number, z: number];
}
