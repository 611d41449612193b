/** The difference of two results of one op. */
import type { DType } from '../program/tensor.ts';

export interface Difference {
  /** The largest difference, relative to the largest expected entry; infinite where only one is a finite number. */
  readonly largest: number;
  /** The first element whose difference exceeds the tolerance. */
  readonly first: FirstDifference | undefined;
}

export interface FirstDifference {
  readonly index: number;
  readonly found: number;
  readonly expected: number;
}

/** Differences of results whose entries are all smaller than this count as if the largest entry were this. */
const smallestScale = 1e-3;

/** @param tolerance relative to the largest expected entry */
export function differenceOf(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): Difference {
  const scale = scaleOf(expected);
  let largest = 0;
  let first: FirstDifference | undefined;
  for (let index = 0; index < expected.length; index++) {
    const [a, b] = [found[index] ?? Number.NaN, expected[index] ?? Number.NaN];
    if (Object.is(a, b)) continue;
    const difference = Math.abs(a - b) / scale;
    const relative = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    largest = Math.max(largest, relative);
    if (relative > tolerance) first ??= { index, found: a, expected: b };
  }
  return { largest, first };
}

function scaleOf(values: ArrayLike<number>): number {
  let scale = smallestScale;
  for (let index = 0; index < values.length; index++) {
    const size = Math.abs(values[index] ?? 0);
    if (size > scale && size !== Number.POSITIVE_INFINITY) scale = size;
  }
  return scale;
}

/** Elements of a tensor from its raw bytes; those of packed types and half floats as unsigned integers. */
export function elementsOf(dtype: DType, bytes: Uint8Array): ArrayLike<number> {
  const { buffer } = bytes.slice();
  switch (dtype) {
    case 'f32':
      return new Float32Array(buffer);
    case 'i32':
      return new Int32Array(buffer);
    case 'i8':
      return new Int8Array(buffer);
    case 'f16':
    case 'bf16':
      return new Uint16Array(buffer);
    default:
      return bytes;
  }
}
