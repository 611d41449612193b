/** The checksum by which traces of the simulator and of the RTL are compared. */
import type { Scalar } from './arithmetic.ts';

/** c = rotl32(c, 1) xor x, for each x. */
export function fold(c: number, x: number): number {
  return (((c << 1) | (c >>> 31)) ^ x) >>> 0;
}

export function foldElements(c: number, elements: Int32Array | Int8Array, length: number): number {
  let sum = c;
  for (let i = 0; i < length; i++) sum = fold(sum, elements[i]!);
  return sum;
}

export function foldScalar(c: number, { m, e }: Scalar): number {
  return fold(c, ((e & 255) << 16) | m);
}
