import type { Shape, Tensor } from './tensor.ts';

/**
 * A size along a named axis. A plain number fits any axis, a size with a name only its own: passing the rows where the
 * width is expected is a type error.
 */
export type Size<Axis extends string> = number & { readonly axis?: Axis };

/** Size of the last axis. */
export function widthOf(tensor: Tensor): Size<'width'> {
  return tensor.shape[tensor.shape.length - 1] ?? 1;
}

/** Size of one axis; throws if the tensor has fewer axes. */
export function sizeOf(tensor: Tensor, axis: number): number {
  const size = tensor.shape[axis];
  if (size === undefined) throw new RangeError(`expected a tensor with axis ${axis}, found ${tensor}`);
  return size;
}

/** Number of rows when all axes but the last are taken together. */
export function rowsOf(tensor: Tensor): Size<'rows'> {
  return tensor.size / widthOf(tensor);
}

/** The same shape with another last axis. */
export function withWidth(shape: Shape, width: number): Shape {
  return [...shape.slice(0, -1), width];
}

/** Throws if a tensor's shape is not the one that an op needs. */
export function expectShape(op: string, role: string, tensor: Tensor, shape: Shape): void {
  if (tensor.shape.length !== shape.length || tensor.shape.some((size, axis) => size !== shape[axis])) {
    throw new Error(`${op}: ${role} ${tensor} should have shape [${shape.join(', ')}]`);
  }
}

/** Axes of a tensor of sequences, in the order in which kernels take them. */
export interface SequenceSizes {
  readonly batch: Size<'batch'>;
  readonly length: Size<'length'>;
  readonly width: Size<'width'>;
}

/** Those of [batch, length, width]; throws if there are not three. */
export function sequenceSizes(op: string, tensor: Tensor): SequenceSizes {
  if (tensor.shape.length !== 3) throw new Error(`${op}: expected [batch, length, width], found ${tensor}`);
  const [batch, length, width] = tensor.shape as readonly [number, number, number];
  return { batch, length, width };
}
