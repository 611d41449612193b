/** Rows of codes as blocks of GGUF's types; the inverse of grouped.ts for the types that are written. */
import { packRowsOfCodes } from '../groupedRows.ts';
import type { GroupedType } from './grouped.ts';

/** TQ2_0: 256 codes −1, 0, 1 and a half-precision scale. */
export function tq2Blocks(codes: Int8Array, scales: Uint16Array): Uint8Array {
  const blocks = new Uint8Array(scales.length * 66);
  for (let block = 0; block < scales.length; block++) {
    const from = block * 66;
    for (let k = 0; k < 256; k++) {
      const byte = from + ((k >> 7) << 5) + (k & 31);
      blocks[byte]! |= (codes[block * 256 + k]! + 1) << (2 * ((k >> 5) & 3));
    }
    putHalf(blocks, from + 64, scales[block]!);
  }
  return blocks;
}

/** Q2_0, Q1_0, Q4_0 and Q8_0: a half-precision scale, then the codes of a group as groupedRows.ts packs them. */
export function scaledGroups(
  codes: Int8Array,
  kind: GroupedType['kind'],
  group: number,
  scales: Uint16Array,
): Uint8Array {
  const packed =
    kind === 'i8'
      ? new Uint8Array(codes.buffer, codes.byteOffset, codes.length)
      : packRowsOfCodes(codes, kind);
  const width = packed.length / scales.length;
  if (scales.length * group !== codes.length)
    throw new RangeError(`${codes.length} codes in groups of ${group}`);
  const blocks = new Uint8Array(scales.length * (width + 2));
  for (let block = 0; block < scales.length; block++) {
    putHalf(blocks, block * (width + 2), scales[block]!);
    blocks.set(packed.subarray(block * width, (block + 1) * width), block * (width + 2) + 2);
  }
  return blocks;
}

/** I2_S: 128 codes to 32 bytes, the scale of the matrix after all of them. */
export function i2Blocks(codes: Int8Array): Uint8Array {
  const blocks = new Uint8Array(codes.length / 4);
  for (let k = 0; k < codes.length; k++) {
    const within = k & 127;
    blocks[(k >> 7) * 32 + (within & 31)]! |= (codes[k]! + 1) << (6 - 2 * (within >> 5));
  }
  return blocks;
}

/** The scale of I2_S, padded. */
export function i2Scale(scale: number): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setFloat32(0, scale, true);
  return bytes;
}

function putHalf(bytes: Uint8Array, at: number, half: number): void {
  bytes[at] = half & 255;
  bytes[at + 1] = half >> 8;
}
