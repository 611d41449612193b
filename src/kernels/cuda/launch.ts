import { Tensor } from '../../program/tensor.ts';

/** What a card has, as far as lowerings choose their kernels by it. */
export interface CudaFeatures {
  /** Products of at least this many multiply-adds take bf16 operands; smaller ones stay in f32. */
  readonly minHalfWork: number;
  /** Multiprocessors of the card. */
  readonly processors: number;
  /** Shared memory of a block, at most, in bytes. */
  readonly sharedBytes: number;
  /** Parameters of a kernel, at most, in bytes. */
  readonly parameterBytes: number;
}

/** A 32-bit argument: an unsigned integer, or a float if wrapped. */
export type KernelNumber = number | { readonly f32: number };

/** Blocks of a launch, and threads of a block. */
export interface LaunchShape {
  readonly grid: readonly [x: number, y: number, z: number];
  readonly block: number;
}

/**
 * A launch of a CUDA kernel. `body` is the body of a kernel whose parameters have the names given here: a pointer for
 * each tensor, and `unsigned` or `float` for each number. A tensor that is `undefined` is a null pointer. Pointers
 * have the type of the tensor's elements (16-bit floats are `bf16` and `f16`, ternary codes are bytes), unless `types`
 * says otherwise. Two names may stand for the same memory where the op allows it. Temporaries that are not operands of
 * the call are scratch of its launches: see scratch.ts.
 */
export interface Launch extends LaunchShape {
  readonly kernel: string;
  /** Declarations before the kernel. */
  readonly functions?: string;
  readonly body: string;
  readonly tensors: Readonly<Record<string, Tensor | undefined>>;
  readonly types?: Readonly<Record<string, string>>;
  readonly numbers: Readonly<Record<string, KernelNumber>>;
  /** Tensors, or unsigned numbers of 64 bits, that the body finds by their place: `name.at[k]`. */
  readonly lists?: Readonly<Record<string, readonly (Tensor | undefined)[] | readonly number[]>>;
  /** Bytes of dynamic shared memory, which the body declares as `extern __shared__`. */
  readonly shared?: number;
  /**
   * Every kernel may begin while the launch before it ends, and first waits for it. With `beginsEarly`, its body does so
   * itself: it calls `waitForEarlier()` before it reads or writes what other launches write or read.
   */
  readonly beginsEarly?: boolean;
  /** All blocks run at the same time, because they wait for one another. */
  readonly isPersistent?: boolean;
  /** Blocks that a processor must have registers for at the same time; default 1. */
  readonly blocksAtOnce?: number;
}

/** A matrix in row-major order, read transposed if `transposed`. */
export interface MatrixOperand {
  readonly tensor: Tensor;
  /** Elements of a row, as they lie in memory. */
  readonly columns: number;
  /** Elements before the matrix in its tensor. */
  readonly first?: number;
  readonly transposed?: boolean;
}

/**
 * A dense product by cuBLASLt: y [m, n] = alpha · a [m, k] · b [k, n] + beta · y, in row-major order, where `m`, `n` and
 * `k` are the sizes after transposition. Operands i8 give i32, f32 and f16 ones f32, and bf16 ones f32 or, rounded, bf16.
 */
export interface Product {
  readonly product: string;
  readonly a: MatrixOperand;
  readonly b: MatrixOperand;
  readonly y: Tensor;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** A factor in device memory, f32 [1]; default 1. */
  readonly alpha?: Tensor | undefined;
  /** What is added, shaped like y; y may be its memory. */
  readonly to?: Tensor | undefined;
}

/** What an engine puts into its graph for a call: launches and products, in order. */
export type Step = Launch | Product;

export function isProduct(step: Step): step is Product {
  return 'product' in step;
}

/** The tensors that a step uses. */
export function tensorsOf(step: Step): Tensor[] {
  const all = isProduct(step)
    ? [step.a.tensor, step.b.tensor, step.y, step.alpha, step.to]
    : [...Object.values(step.tensors), ...Object.values(step.lists ?? {}).flat()];
  return all.filter((one) => one instanceof Tensor);
}
