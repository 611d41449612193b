/**
 * What an op is. An op says, in one folder, all that the machines need to know of it: its formula in plain
 * loops (`reference`), the kernel calls that compute it on an engine (`cpu`, `webgpu`), its cost, and the ops that its
 * backward pass emits. It knows nothing of models, and nothing of how an engine runs kernels.
 */
import type { Tensor } from './tensor.ts';

/** One op applied to tensors: a line of a program. */
export interface Call<A = unknown> {
  readonly op: Op<A>;
  /** Optional inputs that are absent are `undefined`. */
  readonly inputs: readonly (Tensor | undefined)[];
  readonly outputs: readonly Tensor[];
  /** Temporaries that live during this call only. */
  readonly scratch: readonly Tensor[];
  readonly attributes: A;
}

export interface Op<A = unknown> {
  readonly name: string;
  cost(call: Call<A>): Cost;
  /** Computes the outputs from the inputs by the formula; every machine is held to it. */
  reference(call: Call<A>, data: DataOf): void;
  cpu(call: Call<A>): readonly KernelCall[];
  webgpu(call: Call<A>, features: GpuFeatures): readonly Dispatch[];
  /** Emits the ops of the backward pass and hands their outputs to `gradients`. */
  backward?(call: Call<A>, gradients: Gradients): void;
  /**
   * Pairs [output, input]: the kernel may write this output over that input. The planner does so when nobody
   * reads the input afterwards.
   */
  readonly inPlace?: readonly (readonly [output: number, input: number])[];
}

/** The gradient of the loss with respect to each tensor, as far as the backward pass has summed it. */
export interface Gradients {
  /** Whether anything that is asked for depends on this tensor. */
  wants(tensor: Tensor | undefined): tensor is Tensor;
  /** The gradient summed so far; `undefined` means zero. */
  of(tensor: Tensor): Tensor | undefined;
  /** Replaces the sum: for ops whose kernel adds to the sum so far, which it takes as an input. */
  set(tensor: Tensor, sum: Tensor): void;
  /** Adds one more contribution. */
  add(tensor: Tensor, contribution: Tensor): void;
}

/** Elements of a tensor in the reference engine: float64 for float types, else the type's own array. */
export type Data = Float64Array | Int32Array | Int8Array | Uint8Array | Uint16Array;
export type DataOf = (tensor: Tensor) => Data;

/** A call of an engine's kernel. Numbers are 32-bit integers unless wrapped as `{ f32 }`. */
export interface KernelCall {
  readonly kernel: string;
  readonly args: readonly KernelArgument[];
}
export type KernelArgument = Tensor | undefined | number | { readonly f32: number };

/** What a device has beyond WebGPU's core, as far as ops choose their shaders by it. */
export interface GpuFeatures {
  /** Tensor cores for int8: subgroup matrices i8 → i32 of 16 × 16 × 32, in subgroups of 32. */
  readonly int8Matrices: boolean;
  /** Tensor cores for halves: subgroup matrices f16 → f32 of 16 × 16 × 16, in subgroups of 32. */
  readonly halfMatrices: boolean;
  /** Invocations of a subgroup, where all have the same. */
  readonly subgroupSize: number | undefined;
  /** Most tensors that a shader binds. */
  readonly mostBindings: number;
}

/**
 * A run of a WebGPU shader. `code` is WGSL with an entry point `main`, which finds its tensors as arrays of the
 * names given here and its numbers as members of `p`: u32, or f32 if wrapped as `{ f32 }`. Tensors are arrays of
 * f32, i32 or, for all narrower types, u32 words, unless `types` says otherwise; those that are `undefined` are
 * not declared; temporaries that the call does not have are scratch of its dispatches (see `scratch` in ops/wgsl). Two names may stand for the same memory where the op allows it, so they must have one type.
 */
export interface Dispatch {
  readonly shader: string;
  /** WGSL extensions that the code enables; an op asks for them only where `GpuFeatures` has them. */
  readonly requires?: readonly string[];
  readonly code: string;
  readonly tensors: Readonly<Record<string, Tensor | undefined>>;
  readonly types?: Readonly<Record<string, string>>;
  readonly numbers: Readonly<Record<string, number | { readonly f32: number }>>;
  readonly workgroups: readonly [x: number, y: number, z: number];
}

/**
 * Work of one call. The operation audit, the energy estimate and the roofline all read these numbers.
 * `productMultiplications` are those inside matrix products, of which a MatMul-free forward pass has none;
 * `multiplications` are all others (element-wise: norms, gates, scales). Divisions, square roots and
 * exponentials count under `special`.
 */
export interface Cost {
  readonly additions: number;
  readonly multiplications: number;
  readonly productMultiplications: number;
  readonly special: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** A cost from its operation counts; bytes follow from the call's tensors, each read or written once. */
export function cost(
  call: Call,
  counts: Partial<Omit<Cost, 'bytesRead' | 'bytesWritten'>>,
  bytesRead?: number,
): Cost {
  const sum = (tensors: readonly (Tensor | undefined)[]) =>
    tensors.reduce((total, tensor) => total + (tensor?.bytes ?? 0), 0);
  return {
    additions: 0,
    multiplications: 0,
    productMultiplications: 0,
    special: 0,
    ...counts,
    bytesRead: bytesRead ?? sum(call.inputs),
    bytesWritten: sum(call.outputs),
  };
}
