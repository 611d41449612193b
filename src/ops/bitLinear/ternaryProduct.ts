/** Operands of both kinds of shaders for the ternary product: see product.wgsl.ts and tensorProduct.wgsl.ts. */
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/** codes ternary [out, width], scale [1], y [rows, out] */
export interface TernaryProduct extends QuantisedRows, Readonly<Record<'codes' | 'scale' | 'y', Tensor>> {
  /** The tensor that the product is added to [rows, out]; y may be its memory. */
  readonly to?: Tensor | undefined;
}

/** Activations in int8, q [rows, words·4], with their step and sum [rows]. */
export interface QuantisedRows extends Readonly<Record<'q' | 'step' | 'sum', Tensor>> {
  /** The first of the rows, if the tensors hold those of several projections. Default 0. */
  readonly first?: number | undefined;
}

/** Sizes as the shaders name them: `packed` rows of codes, `words` of four and `blocks` of sixteen columns. */
export function productSizes({ q, codes, y, first = 0 }: TernaryProduct) {
  const [out, width] = codes.shape as [number, number];
  const packed = Math.ceil(out / 4);
  const words = widthOf(q) / 4;
  return { packed, numbers: { rows: rowsOf(y), first, width, out, packed, words, blocks: words / 4 } };
}

export function tensorsOf({ first: _, ...tensors }: TernaryProduct) {
  return tensors;
}
