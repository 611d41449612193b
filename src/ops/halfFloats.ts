import type { DType } from '../program/tensor.ts';
import { roundHalfEven } from '../rounding.ts';

/** The largest finite half. */
export const largestHalf = 65504;

/** The value of 16 bits as an IEEE half: 1 sign, 5 exponent and 10 fraction bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -14 * (fraction / 1024);
}

const word = new DataView(new ArrayBuffer(8));

/** The bits of the nearest half, halves to even; of ±65,504 for what is larger. */
export function numberToHalf(x: number): number {
  if (Number.isNaN(x)) return 0x7e00;
  const magnitude = Math.min(Math.abs(x), largestHalf);
  word.setFloat64(0, magnitude);
  const exponent = Math.max((word.getUint32(0) >> 20) - 1023, -14);
  // Of a normal number, the fraction brings 1024 more, which count one in the exponent.
  const bits = ((exponent + 14) << 10) + roundHalfEven(magnitude / 2 ** (exponent - 10));
  return x < 0 ? bits | 0x8000 : bits;
}

/** The value of 16 bits as a bfloat16: the upper half of a float32. */
function bfloatToNumber(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}

/** The value of an element as references hold it: of 16 bits for half types, else the number itself. */
export function floatDecoder(dtype: DType): (element: number) => number {
  if (dtype === 'f16') return halfToNumber;
  return dtype === 'bf16' ? bfloatToNumber : (x) => x;
}
