/** Matrices of codes with a scale for each group, as the rest of the project reads them: see groupedRows.ts. */
import { codesPerByte, packRowsOfCodes } from '../groupedRows.ts';
import type { Scratch } from '../scratch.ts';
import type { GroupedType } from './grouped.ts';
import type { GgufType } from './types.ts';

/** Bytes of the codes of a row. */
export function codeBytes({ kind }: GroupedType, columns: number): number {
  return columns / codesPerByte[kind];
}

/** Writes the codes of whole rows of blocks, packed. */
export function packCodesOf(
  type: GgufType,
  grouped: GroupedType,
  blocks: Uint8Array,
  target: Uint8Array,
  scratch: Scratch,
): void {
  if (storesRows(type)) {
    withoutScales(type, blocks, target);
  } else if (grouped.kind === 'i8') {
    readCodesOf(type, grouped, blocks, new Int8Array(target.buffer, target.byteOffset, target.length));
  } else if (grouped.halves) {
    const each = type.blockElements / 2;
    for (let from = 0, to = 0; to < target.length; from += type.blockBytes, to += each)
      grouped.halves(blocks, from, target, to);
  } else if (grouped.raised) {
    const words = new Uint32Array(scratch.take(elementsOf(type, blocks)).buffer, 0, target.length);
    readRaised(type, grouped.raised, blocks, words);
    for (let k = 0; k < target.length; k++) target[k] = packedWord(words[k]!);
  } else {
    const codes = new Int8Array(scratch.take(elementsOf(type, blocks)).buffer, 0, elementsOf(type, blocks));
    readCodesOf(type, grouped, blocks, codes);
    packRowsOfCodes(codes, grouped.kind, target);
  }
}

function elementsOf({ blockBytes, blockElements }: GgufType, blocks: Uint8Array): number {
  return (blocks.length / blockBytes) * blockElements;
}

/** Types whose codes are stored as they are wanted, after the scale of their block. */
function storesRows({ name }: GgufType): boolean {
  return name === 'Q2_0' || name === 'PQ2_0' || name === 'Q1_0' || name === 'Q8_0';
}

function withoutScales({ blockBytes }: GgufType, blocks: Uint8Array, target: Uint8Array): void {
  const width = blockBytes - 2;
  // Byte by byte: a view of each block, of which a model has millions, would cost more than its copy.
  for (let from = 2, to = 0; to < target.length; from += blockBytes, to += width) {
    for (let k = 0; k < width; k++) target[to + k] = blocks[from + k]!;
  }
}

/** Four codes of a byte each as one byte, the first in the lowest bits. */
function packedWord(word: number): number {
  return (word | (word >>> 6) | (word >>> 12) | (word >>> 18)) & 255;
}

/** The codes of a ternary type plus one, a byte each. */
export function raisedCodes(
  type: GgufType,
  grouped: GroupedType,
  blocks: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const raised = new Uint8Array(elementsOf(type, blocks));
  if (grouped.raised) {
    readRaised(type, grouped.raised, blocks, new Uint32Array(raised.buffer));
  } else {
    readCodesOf(type, grouped, blocks, new Int8Array(raised.buffer));
    for (let k = 0; k < raised.length; k++) raised[k]!++;
  }
  return raised;
}

function readRaised(
  { blockBytes, blockElements }: GgufType,
  read: NonNullable<GroupedType['raised']>,
  blocks: Uint8Array,
  target: Uint32Array,
): void {
  const words = blockElements / 4;
  const count = blocks.length / blockBytes;
  for (let k = 0; k < count; k++) read(blocks, k * blockBytes, target, k * words);
}

function readCodesOf(type: GgufType, grouped: GroupedType, blocks: Uint8Array, target: Int8Array): void {
  const count = blocks.length / type.blockBytes;
  for (let k = 0; k < count; k++) grouped.codes(blocks, k * type.blockBytes, target, k * type.blockElements);
}

export function scalesOf(
  type: GgufType,
  grouped: GroupedType,
  blocks: Uint8Array,
): Float32Array<ArrayBuffer> {
  return numbersOf(type, grouped, blocks, grouped.scales);
}

/** Scales or offsets of all groups. */
function numbersOf(type: GgufType, { group }: GroupedType, blocks: Uint8Array, read: GroupedType['scales']) {
  const count = blocks.length / type.blockBytes;
  const each = type.blockElements / group;
  const numbers = new Float32Array(count * each);
  for (let k = 0; k < count; k++) read(blocks, k * type.blockBytes, numbers, k * each);
  return numbers;
}

/** Writes the offsets of whole rows of blocks, of types that have any, in f32. */
export function offsetBytes(
  type: GgufType,
  grouped: GroupedType,
  blocks: Uint8Array,
  target: Uint8Array,
): void {
  target.set(new Uint8Array(numbersOf(type, grouped, blocks, grouped.offsets!).buffer));
}

/** Writes the scales of whole rows of blocks: f16 as they are stored where a block has one, else f32. */
export function scaleBytes(
  type: GgufType,
  grouped: GroupedType,
  blocks: Uint8Array,
  target: Uint8Array,
): void {
  const { scaleAt } = grouped;
  if (scaleAt === undefined) {
    target.set(new Uint8Array(scalesOf(type, grouped, blocks).buffer));
    return;
  }
  for (let at = scaleAt, to = 0; to < target.length; at += type.blockBytes, to += 2) {
    target[to] = blocks[at]!;
    target[to + 1] = blocks[at + 1]!;
  }
}
