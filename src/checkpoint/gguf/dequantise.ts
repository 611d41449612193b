/** Blocks of GGUF's types as floats. */
import { bf16ToF32, f16ToF32 } from '../floats.ts';
import { groupedType } from './grouped.ts';
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
  else groupedBlocks(type, bytes, target);
}

function groupedBlocks(type: GgufType, bytes: Uint8Array, target: Float32Array): void {
  const grouped = groupedType(type);
  if (!grouped) throw new RangeError(`type ${type.name} has no blocks with scales of their own`);
  const { blockElements, blockBytes } = type;
  const codes = new Int8Array(blockElements);
  const scales = new Float32Array(blockElements / grouped.group);
  // Adding −0 changes no number, not even −0.
  const offsets = new Float32Array(scales.length).fill(-0);
  for (let from = 0, to = 0; to < target.length; from += blockBytes, to += blockElements) {
    grouped.codes(bytes, from, codes, 0);
    grouped.scales(bytes, from, scales, 0);
    grouped.offsets?.(bytes, from, offsets, 0);
    for (let k = 0; k < blockElements; k++) {
      const group = Math.floor(k / grouped.group);
      target[to + k] = Math.fround(codes[k]! * scales[group]!) + offsets[group]!;
    }
  }
}
