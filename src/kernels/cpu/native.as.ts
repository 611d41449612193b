// Products that a native library may compute: see src/engine/cpu/module.js. They return whether it has; without a
// library, they never do.

/** One piece of a `Product`: see product.as.ts of bitLinear. Within a phase, a thread's activations stay as they are. */
// @ts-ignore: decorator
@external("native", "ternaryProduct")
export declare function nativeTernaryProduct(args: usize, piece: i32, pieces: i32, phase: i32): bool;

/** One piece of a `GroupedProduct`: see tile.as.ts of groupedLinear. */
// @ts-ignore: decorator
@external("native", "groupedProduct")
export declare function nativeGroupedProduct(args: usize, piece: i32, pieces: i32): bool;

/** One piece of a `Gemm`, which differs from those of WebAssembly. */
// @ts-ignore: decorator
@external("native", "denseProduct")
export declare function nativeDenseProduct(args: usize, piece: i32, pieces: i32): bool;

/** One piece of a `PagedAttention`: see kernel.as.ts of pagedAttention. */
// @ts-ignore: decorator
@external("native", "pagedAttention")
export declare function nativePagedAttention(args: usize, piece: i32, pieces: i32): bool;

/** A piece of a kernel that computes element by element, by its number. */
// @ts-ignore: decorator
@external("native", "rowKernel")
export declare function nativeRowKernel(kernel: RowKernel, args: usize, piece: i32, pieces: i32): bool;

/** The kernels of native/rows.inc by their numbers there. */
export enum RowKernel {
  swigluForward,
  swigluBackward,
  quantiseActivations,
  mlgruForward,
  mlgruBackward,
  gatedNormForward,
  gatedNormBackward,
  rmsNormBackwardX,
  crossEntropyBackward,
  mlgruSlotsForward,
  sumsOfExponentials,
  packWeights,
  roundRows,
  gatedUnitForward,
  rmsNormForward,
  sampleRows,
}
