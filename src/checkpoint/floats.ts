/**
 * Converts arrays of half-precision floats. `f16` is IEEE binary16, `bf16` the upper half of binary32; both are passed as
 * their bits in 16-bit integers. Narrowing rounds to nearest, ties to even; infinities, subnormals and signs of zero are
 * kept, and a NaN stays a NaN.
 */

/** Every function converts source[k] to target[k] for all k and returns target. @throws RangeError if lengths differ */
export function f16ToF32(source: Uint16Array, target: Float32Array): Float32Array {
  sameLength(source, target);
  f16Table ??= buildF16Table();
  // Through integer bits: a store as a number could change a NaN's bits.
  const bits = bitsOf(target);
  for (let k = 0; k < source.length; k++) bits[k] = f16Table[source[k]!]!;
  return target;
}

export function bf16ToF32(source: Uint16Array, target: Float32Array): Float32Array {
  sameLength(source, target);
  const bits = bitsOf(target);
  for (let k = 0; k < source.length; k++) bits[k] = source[k]! << 16;
  return target;
}

export function f32ToF16(source: Float32Array, target: Uint16Array): Uint16Array {
  sameLength(source, target);
  const bits = bitsOf(source);
  for (let k = 0; k < source.length; k++) target[k] = narrowToF16(bits[k]!);
  return target;
}

export function f32ToBf16(source: Float32Array, target: Uint16Array): Uint16Array {
  sameLength(source, target);
  const bits = bitsOf(source);
  for (let k = 0; k < source.length; k++) {
    const x = bits[k]!;
    const notANumber = (x & 0x7fffffff) > 0x7f800000;
    // A NaN whose payload lies in the lower half alone would turn into infinity: set its quiet bit.
    target[k] = notANumber ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return target;
}

let f16Table: Uint32Array | undefined;

/** The f32 bits of every f16: 256 KB, faster than computing each again. */
function buildF16Table(): Uint32Array {
  return Uint32Array.from({ length: 65536 }, (_, half) => widenF16(half));
}

function widenF16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  const lead = 31 - Math.clz32(fraction); // a subnormal: fraction · 2^-24, normal in f32
  return sign | ((lead + 103) << 23) | ((fraction << (23 - lead)) & 0x7fffff);
}

function narrowToF16(x: number): number {
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude >= 0x47800000) {
    if (magnitude <= 0x7f800000) return sign | 0x7c00; // 65536 and beyond, and infinity
    return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff);
  }
  if (magnitude >= 0x38800000) {
    const rebased = magnitude - (112 << 23); // a carry out of the fraction raises the exponent, up to infinity
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  const exponent = magnitude >>> 23;
  if (exponent < 102) return sign; // below 2^-25, half the smallest subnormal
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - exponent;
  const floor = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (floor + (rest > half || (rest === half && (floor & 1) === 1) ? 1 : 0));
}

export function bitsOf(floats: Float32Array): Uint32Array {
  return new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
}

function sameLength(source: { length: number }, target: { length: number }): void {
  if (source.length === target.length) return;
  throw new RangeError(`conversion of ${source.length} numbers into ${target.length}`);
}

/** The number that the bits of an f16 stand for. Allocates nothing, because it is called for millions of scales. */
export function f16Number(bits: number): number {
  f16Table ??= buildF16Table();
  singleBits[0] = f16Table[bits]!;
  return single[0]!;
}

const single = new Float32Array(1);
const singleBits = bitsOf(single);

/** Every exponent bit set means infinite or NaN. */
const exponentBits = { F32: 0x7f800000, F16: 0x7c00, BF16: 0x7f80 } as const;

/** Index of the first float that is infinite or NaN, or −1, in the bits of floats of a type. */
export function firstNonFinite(bits: Uint32Array | Uint16Array, type: keyof typeof exponentBits): number {
  const mask = exponentBits[type];
  for (let k = 0; k < bits.length; k++) if ((bits[k]! & mask) === mask) return k;
  return -1;
}
