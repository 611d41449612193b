/** Tensors of random weights as GGUF stores them, for models whose speed is measured. */
import { createCipheriv } from 'node:crypto';
import { f32ToF16 } from '../src/checkpoint/floats.ts';

export type CodeType = 'TQ2_0' | 'Q2_0' | 'Q1_0';

type RandomBytes = (bytes: number) => Uint8Array;

/** Blocks of codes: how many elements, bytes of codes, where these and the scale lie, the share of codes not zero. */
const layouts = {
  TQ2_0: { elements: 256, bytes: 66, codes: [0, 64], scale: 64, used: 2 / 3 },
  Q2_0: { elements: 64, bytes: 18, codes: [2, 18], scale: 0, used: 2 / 3 },
  Q1_0: { elements: 128, bytes: 18, codes: [2, 18], scale: 0, used: 1 },
} as const;

/** For each random byte four valid codes of two bits, where 0, 1, 2 stand for -1, 0, 1: one of the 81 combinations, nearly uniformly. */
const validCodes = Uint8Array.from({ length: 256 }, (_, byte) => {
  const choice = (byte * 81) >>> 8;
  return [1, 3, 9, 27].reduce((codes, power, k) => codes | ((Math.floor(choice / power) % 3) << (2 * k)), 0);
});

/** The bytes of a matrix of codes, in chunks. */
export function* codeBlocks(type: CodeType, columns: number, rows: number, random: RandomBytes) {
  const { elements, bytes, codes, scale: at, used } = layouts[type];
  // Products of normed inputs have a variance of about 1.
  const [scale] = f32ToF16(Float32Array.of(1 / Math.sqrt(used * columns)), new Uint16Array(1));
  const count = (columns * rows) / elements;
  const step = 2 ** 16;
  for (let first = 0; first < count; first += step) {
    const chunk = random(Math.min(step, count - first) * bytes);
    for (let start = 0; start < chunk.length; start += bytes) {
      if (type !== 'Q1_0') {
        for (let k = start + codes[0]; k < start + codes[1]; k++) chunk[k] = validCodes[chunk[k]!]!;
      }
      chunk[start + at] = scale! & 0xff;
      chunk[start + at + 1] = scale! >>> 8;
    }
    yield chunk;
  }
}

/** Random signs and fractions, and the exponent of 1/64: magnitudes from 1/64 to 1/32, row by row. */
export function* halfFloats(columns: number, rows: number, random: RandomBytes) {
  for (let row = 0; row < rows; row++) {
    const chunk = random(2 * columns);
    for (let k = 1; k < chunk.length; k += 2) chunk[k] = (chunk[k]! & 0b1000_0011) | ((15 - 6) << 2);
    yield chunk;
  }
}

/** A fast stream of repeatable random bytes: a cipher applied to zeros. */
export function randomBytes(): RandomBytes {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  return (bytes) => cipher.update(Buffer.alloc(bytes));
}
