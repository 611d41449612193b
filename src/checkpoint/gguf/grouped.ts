/**
 * Types whose weights are codes times a scale, and in Q4_0, Q4_K and Q5_K plus an offset, for each group of neighbours in a row. A
 * block holds one group, or several (of types that end in K).
 */
import { f16Number } from '../floats.ts';

export interface GroupedType {
  /** What the codes can be: −1, 0, 1; −1, 1; 0 to 15; or any int8. */
  readonly kind: 'ternary' | 'binary' | 'u4' | 'i8';
  /** Neighbours that share a scale. */
  readonly group: number;
  /** Writes the codes of the block that begins at byte `from`. */
  codes(bytes: Uint8Array, from: number, target: Int8Array, to: number): void;
  /** Of ternary types, faster than `codes`: the codes of the block plus one, four neighbours to a word, the first lowest. */
  raised?(bytes: Uint8Array, from: number, target: Uint32Array, to: number): void;
  /** Of codes of four bits, faster than `codes`: the codes of the block as groupedRows.ts packs them. */
  halves?(bytes: Uint8Array, from: number, target: Uint8Array, to: number): void;
  /** Where a block has its one scale, in half precision; undefined if it has several. */
  readonly scaleAt?: number;
  /** Writes the scales of the block that begins at byte `from`. */
  scales(bytes: Uint8Array, from: number, target: Float32Array, to: number): void;
  /** Writes the offsets of that block, of types that have any. */
  offsets?(bytes: Uint8Array, from: number, target: Float32Array, to: number): void;
}

/** The one scale of a block, in half precision `scaleAt` bytes after its beginning. */
function oneScale(scaleAt: number): Pick<GroupedType, 'scaleAt' | 'scales'> {
  return {
    scaleAt,
    scales(bytes, from, target, to) {
      target[to] = halfOf(bytes, from + scaleAt);
    },
  };
}

function halfOf(bytes: Uint8Array, at: number): number {
  return f16Number(bytes[at]! | (bytes[at + 1]! << 8));
}

/** Four codes to a byte, the lowest bits first; neighbours lie in one byte. */
function neighbouringCodes(group: number): GroupedType {
  return {
    kind: 'ternary',
    group,
    codes(bytes, from, target, to) {
      for (let k = 0; k < group; k++)
        target[to + k] = ((bytes[from + 2 + (k >> 2)]! >> (2 * (k & 3))) & 3) - 1;
    },
    ...oneScale(0),
  };
}

/** Halves of 128 codes; bits 2l of byte m of a half are code 32l + m. */
const tq2: GroupedType = {
  kind: 'ternary',
  group: 256,
  codes(bytes, from, target, to) {
    for (let k = 0; k < 256; k++) {
      const byte = bytes[from + ((k >> 7) << 5) + (k & 31)]!;
      target[to + k] = ((byte >> (2 * ((k >> 5) & 3))) & 3) - 1;
    }
  },
  raised(bytes, from, target, to) {
    for (let word = 0; word < 16; word++) {
      const at = from + 4 * word;
      const four = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      const first = to + ((word >> 3) << 5) + (word & 7);
      target[first] = four & 0x03030303;
      target[first + 8] = (four >>> 2) & 0x03030303;
      target[first + 16] = (four >>> 4) & 0x03030303;
      target[first + 24] = (four >>> 6) & 0x03030303;
    }
  },
  ...oneScale(64),
};

const powersOf3 = [1, 3, 9, 27, 81];

/** Five base-3 digits to a byte, which stand behind the point of a number below 1: byte / 256. */
const tq1: GroupedType = {
  kind: 'ternary',
  group: 256,
  codes(bytes, from, target, to) {
    let at = to;
    for (const [start, count, digits] of tq1Runs) {
      for (let n = 0; n < digits; n++) {
        for (let m = 0; m < count; m++) {
          const shifted = (bytes[from + start + m]! * powersOf3[n]!) & 255;
          target[at++] = ((shifted * 3) >> 8) - 1;
        }
      }
    }
  },
  ...oneScale(52),
};

/** First byte, number of bytes, digits of each. */
const tq1Runs = [
  [0, 32, 5],
  [32, 16, 5],
  [48, 4, 4],
] as const;

const q1: GroupedType = {
  kind: 'binary',
  group: 128,
  codes(bytes, from, target, to) {
    for (let k = 0; k < 128; k++) target[to + k] = (bytes[from + 2 + (k >> 3)]! >> (k & 7)) & 1 ? 1 : -1;
  },
  ...oneScale(0),
};

const q8: GroupedType = {
  kind: 'i8',
  group: 32,
  codes(bytes, from, target, to) {
    for (let k = 0; k < 32; k++) target[to + k] = bytes[from + 2 + k]!;
  },
  ...oneScale(0),
};

/** Weight = (code − 8) · scale, which the offset says. */
const q4: GroupedType = {
  kind: 'u4',
  group: 32,
  codes(bytes, from, target, to) {
    for (let k = 0; k < 16; k++) {
      const byte = bytes[from + 2 + k]!;
      target[to + k] = byte & 15;
      target[to + 16 + k] = byte >> 4;
    }
  },
  halves(bytes, from, target, to) {
    for (let k = 0; k < 16; k++) target[to + k] = bytes[from + 2 + k]!;
  },
  ...oneScale(0),
  offsets(bytes, from, target, to) {
    target[to] = -8 * halfOf(bytes, from);
  },
};

/** Low four bits, 128 bytes; high two bits, 64 bytes; 16 int8 scales, which a half-precision number multiplies. */
const q6: GroupedType = {
  kind: 'i8',
  group: 16,
  codes(bytes, from, target, to) {
    for (let k = 0; k < 256; k++) {
      const [half, part, l] = [k >> 7, (k >> 5) & 3, k & 31];
      const low = (bytes[from + 64 * half + 32 * (part & 1) + l]! >> (4 * (part >> 1))) & 15;
      const high = (bytes[from + 128 + 32 * half + l]! >> (2 * part)) & 3;
      target[to + k] = (low | (high << 4)) - 32;
    }
  },
  scales(bytes, from, target, to) {
    const factor = halfOf(bytes, from + 208);
    for (let k = 0; k < 16; k++) target[to + k] = factor * ((bytes[from + 192 + k]! << 24) >> 24);
  },
};

/**
 * Q4_K and Q5_K: eight groups of 32 codes of 0 and more, each with a scale and a minimum, of six bits, that two
 * half-precision numbers multiply: weight = code · d · scale − dmin · minimum.
 */
function minimumBlocks(codesAt: number, hasFifthBit: boolean): GroupedType {
  return {
    ...(hasFifthBit ? { kind: 'i8' } : { kind: 'u4', halves: halvesOfPairs }),
    group: 32,
    codes(bytes, from, target, to) {
      for (let k = 0; k < 256; k++) {
        const [group, l] = [k >> 5, k & 31];
        const low = (bytes[from + codesAt + 32 * (group >> 1) + l]! >> (4 * (group & 1))) & 15;
        target[to + k] = low + (hasFifthBit ? 16 * ((bytes[from + 16 + l]! >> group) & 1) : 0);
      }
    },
    scales(bytes, from, target, to) {
      const d = halfOf(bytes, from);
      for (let group = 0; group < 8; group++) target[to + group] = d * sixBits(bytes, from + 4, group, false);
    },
    offsets(bytes, from, target, to) {
      const dmin = halfOf(bytes, from + 2);
      for (let group = 0; group < 8; group++)
        target[to + group] = -dmin * sixBits(bytes, from + 4, group, true);
    },
  };
}

/** 32 bytes of Q4_K hold a group in their lower halves and the next one in their upper halves. */
function halvesOfPairs(bytes: Uint8Array, from: number, target: Uint8Array, to: number): void {
  for (let pair = 0; pair < 4; pair++) {
    for (let k = 0; k < 16; k++) {
      const at = from + 16 + 32 * pair + k;
      const [low, high] = [bytes[at]!, bytes[at + 16]!];
      target[to + 32 * pair + k] = (low & 15) | (high << 4);
      target[to + 32 * pair + 16 + k] = (low >> 4) | (high & 240);
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

const byName: Readonly<Record<string, GroupedType>> = {
  ...{ TQ1_0: tq1, TQ2_0: tq2, Q1_0: q1, Q8_0: q8, Q4_0: q4, Q6_K: q6, PQ2_0: neighbouringCodes(128) },
  ...{ Q4_K: minimumBlocks(16, false), Q5_K: minimumBlocks(48, true) },
};
const q2: Readonly<Record<number, GroupedType>> = { 64: neighbouringCodes(64), 128: neighbouringCodes(128) };

/** Undefined for types that are not codes times scales. */
export function groupedType(type: {
  readonly name: string;
  readonly blockElements: number;
}): GroupedType | undefined {
  return type.name === 'Q2_0' ? q2[type.blockElements] : byName[type.name];
}
