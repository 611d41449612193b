/** The row-wise unit: one instruction over the elements of vector registers. */
import {
  multiply,
  normalise,
  roundShift,
  type Scalar,
  saturate,
  scale,
  sigmoid,
  silu,
} from './arithmetic.ts';

export interface RowOperands {
  readonly a: Int32Array;
  readonly b: Int32Array;
  readonly scale: Scalar;
  readonly shift: number;
  readonly length: number;
  /** Elements of a word. */
  readonly lanes: number;
}

type Element = (a: number, b: number, shift: number) => number;

const elementOf: Readonly<Record<string, Element>> = {
  mov: (a) => a,
  shf: (a) => a,
  add: (a, b) => saturate(a + b),
  sub: (a, b) => saturate(a - b),
  mul: multiply,
  sig: (a) => sigmoid(a),
  sigc: (a) => 65536 - sigmoid(a),
  silu: (a) => silu(a),
};

/** y = operation(scale(a), b), with zeros from `length` to the end of the last word. */
export function rowWise(name: string, operands: RowOperands, y: Int32Array): void {
  const { a, b, length, shift, lanes } = operands;
  const element = elementOf[name]!;
  const scaled = scaler(operands.scale);
  for (let i = 0; i < length; i++) y[i] = element(scaled(a[i]!), b[i]!, shift);
  y.fill(0, length, paddedLength(length, lanes));
}

/** Activations: clamp(scale(a), −128, 127). */
export function quantise({ a, length, scale: s, lanes }: RowOperands, bank: Int8Array): void {
  const scaled = scaler(s);
  for (let i = 0; i < length; i++) bank[i] = Math.min(127, Math.max(-128, scaled(a[i]!)));
  bank.fill(0, length, paddedLength(length, lanes));
}

/** Up to the end of the last word. */
export function paddedLength(length: number, lanes: number): number {
  return Math.ceil(length / lanes) * lanes;
}

/** `scale` for one scalar, with the common case without its branches. */
function scaler(s: Scalar): (a: number) => number {
  const { m, e } = s;
  if (m === 32768 && e === -15) return (a) => a;
  if (m !== 0 && e <= 0 && e > -49) {
    const shift = -e;
    return (a) => saturate(roundShift(a * m, shift));
  }
  return (a) => scale(a, s);
}

/** norm(Σ y², 0): the sum is exact, in three parts of a square (high · 2^16 + low)². */
export function sumOfSquares(y: Int32Array, length: number): Scalar {
  let [highs, mixed, lows] = [0, 0, 0];
  for (let i = 0; i < length; i++) {
    const high = y[i]! >> 16;
    const low = y[i]! & 65535;
    highs += high * high;
    mixed += high * low;
    lows += low * low;
  }
  const sum = (BigInt(highs) << 32n) + (BigInt(mixed) << 17n) + BigInt(lows);
  return normalise(sum, 0);
}

/** norm(max |y|, 0) */
export function largest(y: Int32Array, length: number): Scalar {
  let max = 0;
  for (let i = 0; i < length; i++) max = Math.max(max, Math.abs(y[i]!));
  return normalise(max, 0);
}
