/** Matrices of codes with a scale for each group, as the rest of the project reads them: see groupedRows.ts. */
import { codesPerByte, packRowsOfCodes } from '../groupedRows.ts';
import type { GroupedType } from './grouped.ts';
import type { GgufType } from './types.ts';

/** Bytes of the codes of a row. */
export function codeBytes({ kind }: GroupedType, columns: number): number {
  return columns / codesPerByte[kind];
}

/** The codes of whole rows of blocks, packed. */
export function packedCodes(type: GgufType, grouped: GroupedType, blocks: Uint8Array): Uint8Array {
  const count = blocks.length / type.blockBytes;
  if (storesRows(type)) return withoutScales(type, blocks, count);
  const codes = codesOf(type, grouped, blocks);
  return grouped.kind === 'i8' ? new Uint8Array(codes.buffer) : packRowsOfCodes(codes, grouped.kind);
}

/** Types whose codes are stored as they are wanted, after the scale of their block. */
function storesRows({ name }: GgufType): boolean {
  return name === 'Q2_0' || name === 'PQ2_0' || name === 'Q1_0' || name === 'Q8_0';
}

function withoutScales({ blockBytes }: GgufType, blocks: Uint8Array, count: number): Uint8Array {
  const width = blockBytes - 2;
  const codes = new Uint8Array(count * width);
  for (let k = 0; k < count; k++) {
    codes.set(blocks.subarray(k * blockBytes + 2, (k + 1) * blockBytes), k * width);
  }
  return codes;
}

export function codesOf(type: GgufType, grouped: GroupedType, blocks: Uint8Array): Int8Array<ArrayBuffer> {
  const count = blocks.length / type.blockBytes;
  const codes = new Int8Array(count * type.blockElements);
  for (let k = 0; k < count; k++) grouped.codes(blocks, k * type.blockBytes, codes, k * type.blockElements);
  return codes;
}

export function scalesOf(
  type: GgufType,
  grouped: GroupedType,
  blocks: Uint8Array,
): Float32Array<ArrayBuffer> {
  const count = blocks.length / type.blockBytes;
  const each = type.blockElements / grouped.group;
  const scales = new Float32Array(count * each);
  for (let k = 0; k < count; k++) grouped.scales(blocks, k * type.blockBytes, scales, k * each);
  return scales;
}

/** The scales of whole rows of blocks: f16 as they are stored where a block has one, else f32. */
export function scaleBytes(type: GgufType, grouped: GroupedType, blocks: Uint8Array): Uint8Array {
  const { scaleAt } = grouped;
  if (scaleAt === undefined) return new Uint8Array(scalesOf(type, grouped, blocks).buffer);
  const count = blocks.length / type.blockBytes;
  const halves = new Uint8Array(2 * count);
  for (let k = 0; k < count; k++) {
    const at = k * type.blockBytes + scaleAt;
    halves[2 * k] = blocks[at]!;
    halves[2 * k + 1] = blocks[at + 1]!;
  }
  return halves;
}
