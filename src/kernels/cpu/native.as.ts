// Products that a native library may compute: see src/engine/cpu/module.js. They return whether it has; without a
// library, they never do.

/** One piece of a `Product`: see product.as.ts of bitLinear. */
// @ts-ignore: decorator
@external("native", "ternaryProduct")
export declare function nativeTernaryProduct(args: usize, piece: i32, pieces: i32): bool;

/** One piece of a `GroupedProduct`: see tile.as.ts of groupedLinear. */
// @ts-ignore: decorator
@external("native", "groupedProduct")
export declare function nativeGroupedProduct(args: usize, piece: i32, pieces: i32): bool;

/** The columns [from, end) of a `Gemm`. */
// @ts-ignore: decorator
@external("native", "denseProduct")
export declare function nativeDenseProduct(args: usize, from: i32, end: i32): bool;
