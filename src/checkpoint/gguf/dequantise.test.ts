import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { f16Number, f32ToF16 } from '../floats.ts';
import { packRowsOfCodes } from '../groupedRows.ts';
import { Scratch } from '../scratch.ts';
import { dequantise } from './dequantise.ts';
import { groupedType } from './grouped.ts';
import { packCodesOf } from './groupedMatrix.ts';
import { earlierQ2, type GgufType, typeOf } from './types.ts';

fc.configureGlobal({ seed: 1 });

/** Weight k of a block by the formula of its layout, each read on its own; f32 after each product. */
type Formula = (block: DataView, k: number) => number;

const half = (block: DataView, at: number) => f16Number(block.getUint16(at, true));
const bits = (byte: number, from: number, count: number) => (byte >> from) & ((1 << count) - 1);
const neighbours: Formula = (b, k) => (bits(b.getUint8(2 + (k >> 2)), 2 * (k % 4), 2) - 1) * half(b, 0);

const digit: Formula = (b, k) => {
  const [byte, n] =
    k < 160
      ? [k % 32, Math.floor(k / 32)]
      : k < 240
        ? [32 + (k % 16), Math.floor((k - 160) / 16)]
        : [48 + (k % 4), (k - 240) >> 2];
  return (Math.floor((((b.getUint8(byte) * 3 ** n) % 256) * 3) / 256) - 1) * half(b, 52);
};

/** Scale and minimum of group j, as llama.cpp's get_scale_min_k4 unpacks them. */
function scaleAndMinimum(b: DataView, j: number): [number, number] {
  const q = (k: number) => b.getUint8(4 + k);
  if (j < 4) return [q(j) & 63, q(j + 4) & 63];
  return [(q(j + 4) & 15) | ((q(j - 4) >> 6) << 4), (q(j + 4) >> 4) | ((q(j) >> 6) << 4)];
}

const withMinimum =
  (code: (b: DataView, k: number) => number): Formula =>
  (b, k) => {
    const [scale, minimum] = scaleAndMinimum(b, k >> 5);
    return Math.fround(Math.fround(half(b, 0) * scale) * code(b, k)) - Math.fround(half(b, 2) * minimum);
  };
const nibble = (b: DataView, at: number, k: number) =>
  bits(b.getUint8(at + 32 * (k >> 6) + (k % 32)), k & 32 ? 4 : 0, 4);

const formulas: readonly (readonly [string, GgufType, Formula])[] = [
  ['Q8_0', typeOf(8)!, (b, k) => b.getInt8(2 + k) * half(b, 0)],
  // (code − 8) · scale, which is exact either way; so is the sign of a zero then.
  [
    'Q4_0',
    typeOf(2)!,
    (b, k) => bits(b.getUint8(2 + (k % 16)), k < 16 ? 0 : 4, 4) * half(b, 0) - 8 * half(b, 0),
  ],
  ['Q4_K', typeOf(12)!, withMinimum((b, k) => nibble(b, 16, k))],
  [
    'Q5_K',
    typeOf(13)!,
    withMinimum((b, k) => nibble(b, 48, k) + 16 * bits(b.getUint8(16 + (k % 32)), k >> 5, 1)),
  ],
  [
    'Q6_K',
    typeOf(14)!,
    (b, k) => {
      const [n, within] = [k >> 7, k & 127];
      const low = bits(b.getUint8(64 * n + (within & 63)), within < 64 ? 0 : 4, 4);
      const high = bits(b.getUint8(128 + 32 * n + (within & 31)), 2 * (within >> 5), 2);
      return Math.fround(half(b, 208) * b.getInt8(192 + (k >> 4))) * (low + 16 * high - 32);
    },
  ],
  ['TQ1_0', typeOf(34)!, digit],
  [
    'TQ2_0',
    typeOf(35)!,
    (b, k) => (bits(b.getUint8(32 * (k >> 7) + (k % 32)), 2 * ((k >> 5) % 4), 2) - 1) * half(b, 64),
  ],
  ['Q1_0', typeOf(41)!, (b, k) => (bits(b.getUint8(2 + (k >> 3)), k % 8, 1) ? half(b, 0) : -half(b, 0))],
  ['Q2_0', typeOf(42)!, neighbours],
  ['earlier Q2_0', earlierQ2, neighbours],
  ['PQ2_0', typeOf(142)!, neighbours],
];

/** Blocks of random bytes whose half-precision numbers are finite. */
function blocks({ blockBytes }: GgufType) {
  return fc
    .uint8Array({ minLength: 3 * blockBytes, maxLength: 3 * blockBytes })
    .map((bytes) => bytes.map((byte) => ((byte & 0x7c) === 0x7c ? byte & 0xbf : byte)))
    .map((bytes) => Uint8Array.from(bytes));
}

it.each([2, 12])('codes of type %i are packed as they are read one by one', (id) => {
  const type = typeOf(id)!;
  const grouped = groupedType(type)!;
  fc.assert(
    fc.property(blocks(type), (bytes) => {
      const codes = new Int8Array(3 * type.blockElements);
      for (let k = 0; k < 3; k++) grouped.codes(bytes, k * type.blockBytes, codes, k * type.blockElements);
      const packed = new Uint8Array(codes.length / 2);
      packCodesOf(type, grouped, bytes, packed, new Scratch());
      expect(packed).toEqual(packRowsOfCodes(codes, 'u4'));
    }),
    { numRuns: 20 },
  );
});

describe('blocks as floats', () => {
  it.each(formulas)('%s: every weight is what its formula says', (_, type, formula) => {
    fc.assert(
      fc.property(blocks(type), (bytes) => {
        const floats = new Float32Array(3 * type.blockElements);
        dequantise(type, bytes, floats);
        const expected = floats.map((__, k) => {
          const block = new DataView(bytes.buffer, Math.floor(k / type.blockElements) * type.blockBytes);
          return formula(block, k % type.blockElements);
        });
        expect(floats).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  it('plain floats come as they are', () => {
    const numbers = Float32Array.of(1, -0.5, 3.25, 0);
    const read = (id: number, bytes: ArrayBuffer) => {
      const floats = new Float32Array(4);
      dequantise(typeOf(id)!, new Uint8Array(bytes), floats);
      return floats;
    };
    expect(read(0, numbers.slice().buffer)).toEqual(numbers);
    expect(read(1, f32ToF16(numbers, new Uint16Array(4)).buffer as ArrayBuffer)).toEqual(numbers);
    expect(read(30, Uint16Array.from([0x3f80, 0xbf00, 0x4050, 0]).buffer)).toEqual(numbers);
  });
});
