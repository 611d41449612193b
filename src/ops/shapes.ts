import type { Shape, Tensor } from '../program/tensor.ts';

/** Size of the last axis. */
export function widthOf(tensor: Tensor): number {
  return tensor.shape.at(-1)!;
}

/** Number of rows when all axes but the last are taken together. */
export function rowsOf(tensor: Tensor): number {
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
  readonly batch: number;
  readonly length: number;
  readonly width: number;
}

/** Those of [batch, length, width]; throws if there are not three. */
export function sequenceSizes(op: string, tensor: Tensor): SequenceSizes {
  if (tensor.shape.length !== 3) throw new Error(`${op}: expected [batch, length, width], found ${tensor}`);
  const [batch, length, width] = tensor.shape as readonly [number, number, number];
  return { batch, length, width };
}
