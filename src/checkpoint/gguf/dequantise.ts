/** Blocks of GGUF's types as floats. */
import { bf16ToF32, f16ToF32 } from '../floats.ts';
import { groupedType, halfOf } from './grouped.ts';
import type { GgufType } from './types.ts';

/**
 * Writes whole blocks as f32.
 * @param bytes the blocks; they begin at a multiple of 4 bytes in memory
 * @param target one element for each of the blocks' elements
 */
export function dequantise(type: GgufType, bytes: Uint8Array, target: Float32Array): void {
  const halves = () => new Uint16Array(bytes.buffer, bytes.byteOffset, target.length);
  if (type.name === 'F32') target.set(new Float32Array(bytes.buffer, bytes.byteOffset, target.length));
  else if (type.name === 'F16') f16ToF32(halves(), target);
  else if (type.name === 'BF16') bf16ToF32(halves(), target);
  else if (type.name === 'Q4_K' || type.name === 'Q5_K') minimumBlocks(type, bytes, target);
  else groupedBlocks(type, bytes, target);
}

function groupedBlocks(type: GgufType, bytes: Uint8Array, target: Float32Array): void {
  const grouped = groupedType(type);
  if (!grouped) throw new RangeError(`type ${type.name} has no blocks with scales of their own`);
  const { blockElements, blockBytes } = type;
  const codes = new Int8Array(blockElements);
  const scales = new Float32Array(blockElements / grouped.group);
  for (let from = 0, to = 0; to < target.length; from += blockBytes, to += blockElements) {
    grouped.codes(bytes, from, codes, 0);
    grouped.scales(bytes, from, scales, 0);
    for (let k = 0; k < blockElements; k++)
      target[to + k] = codes[k]! * scales[Math.floor(k / grouped.group)]!;
  }
}

/**
 * Q4_K and Q5_K: eight groups of 32 codes of 0 and more, each with a scale and a minimum, of six bits, that two
 * half-precision numbers multiply: weight = code · d · scale − dmin · minimum.
 */
function minimumBlocks(type: GgufType, bytes: Uint8Array, target: Float32Array): void {
  const { blockElements, blockBytes } = type;
  const hasFifthBit = type.name === 'Q5_K';
  const codesAt = hasFifthBit ? 48 : 16;
  for (let from = 0, to = 0; to < target.length; from += blockBytes, to += blockElements) {
    const [d, dmin] = [halfOf(bytes, from), halfOf(bytes, from + 2)];
    for (let group = 0; group < 8; group++) {
      const scale = Math.fround(d * sixBits(bytes, from + 4, group, false));
      const minimum = Math.fround(dmin * sixBits(bytes, from + 4, group, true));
      for (let l = 0; l < 32; l++) {
        const low = (bytes[from + codesAt + 32 * (group >> 1) + l]! >> (4 * (group & 1))) & 15;
        const high = hasFifthBit ? (bytes[from + 16 + l]! >> group) & 1 : 0;
        target[to + 32 * group + l] = Math.fround(scale * (low + 16 * high)) - minimum;
      }
    }
  }
}

/** Scale or minimum of a group, from 12 bytes: those of the last four groups borrow the upper bits of the first four. */
function sixBits(bytes: Uint8Array, at: number, group: number, minimum: boolean): number {
  const own = minimum ? 4 : 0;
  if (group < 4) return bytes[at + own + group]! & 63;
  const low = (bytes[at + 4 + group]! >> own) & 15;
  return low | ((bytes[at + own + group - 4]! >> 6) << 4);
}
