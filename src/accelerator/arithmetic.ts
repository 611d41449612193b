/**
 * The accelerator's arithmetic, exactly: integers in, integers out, as docs/accelerator.md defines. Numbers are
 * doubles that hold integers; where a product exceeds 53 bits it is taken in parts.
 */
import { rsqrtSeeds, sigmoidSlopes, sigmoidValues } from './tables.ts';

export const maxElement = 2 ** 31 - 1;
export const minElement = -(2 ** 31);

/** m · 2^e with 2^15 ≤ m < 2^16, or zero: a scalar register. */
export interface Scalar {
  readonly m: number;
  readonly e: number;
}

export const one: Scalar = { m: 32768, e: -15 };
export const zero: Scalar = { m: 0, e: 0 };
const greatest: Scalar = { m: 65535, e: 127 };

export function saturate(x: number): number {
  return Math.min(Math.max(x, minElement), maxElement);
}

/** 2^0 to 2^52: `**` would take as long as all the rest of a rounding. */
const powersOfTwo = Float64Array.from({ length: 53 }, (_, k) => 2 ** k);
/** Added to a number below 2^51, it leaves no bits for a fraction, and doubles round halves to even. */
const roundingOffset = 1.5 * 2 ** 52;

/** x / 2^k to the nearest integer, halves to even. |x| < 2^53, 0 ≤ k ≤ 52. */
export function roundShift(x: number, k: number): number {
  const quotient = x / powersOfTwo[k]!; // exact: a division by a power of two
  if (k >= 2) return quotient + roundingOffset - roundingOffset;
  const floor = Math.floor(quotient);
  const tie = quotient !== floor;
  return tie && floor % 2 !== 0 ? floor + 1 : floor;
}

/** A vector element times a scalar. */
export function scale(a: number, { m, e }: Scalar): number {
  if (m === 0 || a === 0) return 0;
  if (e <= -49) return 0;
  if (e <= 0) return saturate(roundShift(a * m, -e));
  if (e >= 16) return a > 0 ? maxElement : minElement;
  return saturate(a * m * 2 ** e);
}

/** sat32(rne(a · b, shift)) of two elements; 16 ≤ shift ≤ 47. */
export function multiply(a: number, b: number, shift: number): number {
  const product = a * b;
  if (Math.abs(product) <= Number.MAX_SAFE_INTEGER) return saturate(roundShift(product, shift));
  // a = high · 2^16 + low: both partial products are exact, and only the last 16 bits need to be kept apart.
  const high = Math.floor(a / 65536);
  const lowProduct = (a - high * 65536) * b;
  const carry = Math.floor(lowProduct / 65536);
  const sticky = lowProduct - carry * 65536;
  const top = high * b + carry;
  // rounding looks at whether the part below is zero, half or between: one sticky bit below 2 bits is enough
  const unit = 2 ** (shift - 16);
  const floor = Math.floor(top / unit);
  const rest = (top - floor * unit) * 65536 + sticky;
  const half = unit * 32768;
  const up = rest > half || (rest === half && floor % 2 !== 0);
  return saturate(up ? floor + 1 : floor);
}

/** σ(x) by table and interpolation; x and σ have 16 fraction bits. */
export function sigmoid(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude >= 2 ** 20) return x < 0 ? 0 : 65536;
  const index = magnitude >> 11;
  const s = sigmoidValues[index]! + ((sigmoidSlopes[index]! * (magnitude & 2047) + 1024) >> 11);
  return x < 0 ? 65536 - s : s;
}

/** SiLU(x) = x · σ(x), 16 fraction bits. */
export function silu(x: number): number {
  return saturate(roundShift(x * sigmoid(x), 16));
}

/** The scalar nearest below M · 2^e; M a non-negative integer. */
export function normalise(value: number | bigint, e: number): Scalar {
  if (typeof value === 'bigint') {
    if (value === 0n) return zero;
    const excess = value.toString(2).length - 16;
    return bounded(Number(excess > 0 ? value >> BigInt(excess) : value << BigInt(-excess)), e + excess);
  }
  if (value === 0) return zero;
  const excess = bitLength(value) - 16;
  return bounded(Math.floor(value / 2 ** excess), e + excess);
}

function bounded(m: number, e: number): Scalar {
  if (e > 127) return greatest;
  return e < -128 ? zero : { m, e };
}

/** Bits of a positive integer below 2^53. */
function bitLength(value: number): number {
  return value < 2 ** 32 ? 32 - Math.clz32(value) : 64 - Math.clz32(Math.floor(value / 2 ** 32));
}

export function multiplyScalars(a: Scalar, b: Scalar): Scalar {
  return normalise(a.m * b.m, a.e + b.e);
}

export function addScalars(a: Scalar, b: Scalar): Scalar {
  if (a.m === 0) return b;
  if (b.m === 0) return a;
  const [high, low] = a.e >= b.e ? [a, b] : [b, a];
  const distance = high.e - low.e;
  const added = distance >= 32 ? 0 : Math.floor((low.m * 65536) / 2 ** distance);
  return normalise(high.m * 65536 + added, high.e - 16);
}

export function greaterScalar(a: Scalar, b: Scalar): Scalar {
  if (a.m === 0) return b;
  if (b.m === 0) return a;
  return a.e > b.e || (a.e === b.e && a.m >= b.m) ? a : b;
}

/** 1 / a, truncated. */
export function reciprocal({ m, e }: Scalar): Scalar {
  if (m === 0) return greatest;
  return normalise(Math.floor(2 ** 31 / m), -31 - e);
}

/** 1 / √a by two steps of Newton's iteration from a table. */
export function reciprocalRoot({ m, e }: Scalar): Scalar {
  if (m === 0) return greatest;
  const odd = (e & 1) !== 0;
  const x = odd ? m >> 1 : m;
  const even = odd ? e + 1 : e;
  let y = rsqrtSeeds[(x >> 10) - 16]!;
  for (let step = 0; step < 2; step++) {
    const square = Math.floor((y * y) / 2 ** 22);
    const product = Math.floor((x * square) / 65536);
    y = Math.floor((y * (3 * 2 ** 22 - product)) / 2 ** 23);
  }
  return normalise(y, -22 - (even + 16) / 2);
}

/** The scalar nearest to a positive number, for constants that a program carries. */
export function scalarOf(value: number): Scalar {
  if (!(value >= 0) || value === Number.POSITIVE_INFINITY) {
    throw new RangeError(`a scalar is finite and not negative, found ${value}`);
  }
  if (value === 0) return zero;
  const e = Math.floor(Math.log2(value)) - 15;
  const m = Math.round(value / 2 ** e);
  if (m < 32768) return bounded(Math.round(value / 2 ** (e - 1)), e - 1);
  return m > 65535 ? bounded(Math.round(value / 2 ** (e + 1)), e + 1) : bounded(m, e);
}

export function scalarValue({ m, e }: Scalar): number {
  return m * 2 ** e;
}
