/** Arguments of the kernels that read a `Gemm` (gemm.as.ts): C (+)= scale·A·B. */
import type { Tensor } from '../../program/tensor.ts';
import type { KernelArguments } from './kernelArguments.ts';
import type { KernelCall } from './kernelCall.ts';

/** How B is stored; the numbers are those of gemm.as.ts. */
export const storage = {
  /** f32 [K, N] */
  floats: 0,
  /** packed ternary weights of shape [K, N] */
  ternary: 1,
  /** int8 [K, N]; row k times rowScale[k] */
  int8: 2,
  /** [N, K], as a matrix of weights [out, in] is stored, by its element type; i8 rows times rowScale[n] */
  alongK: { f32: 3, f16: 4, bf16: 5, i8: 6 },
} as const;

export interface DenseProduct {
  /** [rows, columns] */
  readonly c: Tensor;
  /** The matrix to which the product is added. */
  readonly before?: Tensor | undefined;
  /** [1]: a factor of the product. */
  readonly scale?: Tensor;
  /** A [rows, depth], row by row, or transposed: column by column. */
  readonly a: Tensor;
  readonly transposed?: boolean;
  readonly b: Tensor;
  readonly kind: number;
  /** Elements from one row of B to the next as it is stored. */
  readonly rowStride: number;
  readonly rowScale?: Tensor | undefined;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

export function gemm(product: DenseProduct): KernelArguments['linearForward'] {
  const { c, before, scale, a, transposed, b, kind, rowStride, rowScale, rows, columns, depth } = product;
  return {
    ...{ c, ldc: columns, accumulate: before, scale },
    ...{ a, strideM: transposed ? 1 : depth, strideK: transposed ? rows : 1 },
    ...{ b, ldb: rowStride, kind, rowScale },
    ...{ M: rows, N: columns, K: depth },
  };
}

/** Whether a kernel computes such a product. Each of its pieces packs A for itself, so that few pieces pay. */
export function isDenseProduct({ args }: KernelCall): boolean {
  return 'ldc' in args;
}
