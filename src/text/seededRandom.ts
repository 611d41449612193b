/**
 * A seeded pseudo-random generator (xoshiro128**) that gives the same numbers on every platform.
 *
 * Even the normal deviates are the same everywhere: engines differ in the last bits of Math.log and Math.cos,
 * so they come from the polar method with a logarithm built of +, −, × and ÷ (and √, which IEEE 754 fixes).
 */
import { InputError } from '../errors.ts';

export class SeededRandom {
  readonly #state = new Uint32Array(4);

  /** @param seed an integer from 0 to 2^53 − 1 */
  constructor(seed: number) {
    checkSeed(seed);
    // The state must not be all zeros and must be well mixed, but consecutive seeds are similar: mix them.
    let word = mix32(mix32(seed >>> 0) ^ Math.floor(seed / 2 ** 32));
    for (let i = 0; i < 4; i++) {
      word = (word + 0x9e3779b9) >>> 0;
      this.#state[i] = mix32(word);
    }
    if (this.#state.every((part) => part === 0)) this.#state[0] = 1;
  }

  /** An integer, uniform in [0, 2^32). */
  uint32(): number {
    const s = this.#state;
    const scrambled = Math.imul(rotateLeft(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const shifted = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= shifted;
    s[3] = rotateLeft(s[3]!, 11);
    return scrambled;
  }

  /** Uniform in [0, 1), with 53 random bits. */
  uniform(): number {
    const high = this.uint32() >>> 5; // 27 bits
    return (high * 2 ** 26 + (this.uint32() >>> 6)) / 2 ** 53;
  }

  /** Uniform in [0, 1), with 24 random bits: exact in a float32. */
  uniform32(): number {
    return (this.uint32() >>> 8) / 2 ** 24;
  }

  /** An integer, uniform in [0, limit); 1 ≤ limit ≤ 2^32. */
  integer(limit: number): number {
    if (!Number.isInteger(limit) || limit < 1 || limit > 2 ** 32) {
      throw new InputError(`random integer: found limit ${limit}, expected an integer from 1 to 2^32`);
    }
    const fair = 2 ** 32 - (2 ** 32 % limit); // values from here on would favour small results
    for (;;) {
      const value = this.uint32();
      if (value < fair) return value % limit;
    }
  }

  /** A deviate of the standard normal distribution. */
  normal(): number {
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const square = x * x + y * y;
      // The second deviate of the pair is dropped: keeping it would make the state more than four words.
      if (square > 0 && square < 1) return x * Math.sqrt((-2 * logarithm(square)) / square);
    }
  }

  /** Fills `out` with normal deviates of the given standard deviation and mean 0, rounded to float32. */
  fillNormal(out: Float32Array, standardDeviation = 1): Float32Array {
    for (let i = 0; i < out.length; i++) out[i] = standardDeviation * this.normal();
    return out;
  }

  /** The whole state, 4 words: pass it to `restore` to continue from here. */
  save(): Uint32Array {
    return this.#state.slice();
  }

  /** @param state what `save` returned */
  restore(state: Uint32Array): void {
    if (state.length !== 4 || state.every((word) => word === 0)) {
      throw new InputError(`random state: found [${state}], expected 4 words that are not all zero`);
    }
    this.#state.set(state);
  }
}

export function checkSeed(seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new InputError(`seed: found ${seed}, expected an integer from 0 to 2^53 - 1`);
  }
}

/** A bijection of 32-bit words in which every input bit reaches every output bit (MurmurHash3's finaliser). */
export function mix32(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

const bits = new DataView(new ArrayBuffer(8));

/** ln x for normal x > 0, within 2 units in the last place, from exactly specified operations only. */
export function logarithm(x: number): number {
  bits.setFloat64(0, x);
  const high = bits.getUint32(0);
  let exponent = (high >>> 20) - 1023;
  bits.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let mantissa = bits.getFloat64(0); // x = mantissa · 2^exponent
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  // ln m = 2 artanh t, t = (m − 1) / (m + 1), |t| < 0.172: the series ends below 2^-53 after t^21.
  const t = (mantissa - 1) / (mantissa + 1);
  let series = 0;
  for (let power = 21; power >= 3; power -= 2) series = (series + 1 / power) * t * t;
  return exponent * Math.LN2 + 2 * t * (1 + series);
}
