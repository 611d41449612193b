/** Codes of ternary blocks, packed with a scale a group and with one scale, against the codes read one by one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packRowsOfCodes } from '../groupedRows.ts';
import { Scratch } from '../scratch.ts';
import { groupedType } from './grouped.ts';
import { packCodesOf, scalesOf } from './groupedMatrix.ts';
import { codedBlocks, packOneScale } from './oneScale.ts';
import type { Rows } from './rows.ts';
import { typeOf } from './types.ts';

fc.configureGlobal({ seed: 1 });

const rowsOfBlocks = 6;

describe.each([34, 35, 42, 142])('type %i', (id) => {
  const type = typeOf(id)!;
  const grouped = groupedType(type)!;
  const { blockBytes, blockElements: columns } = type;

  /** Six rows of a block each, with the scale 1; one without a scale among them. */
  const blocks = fc.uint8Array({ minLength: 6 * blockBytes, maxLength: 6 * blockBytes }).map((random) => {
    const bytes = Uint8Array.from(random);
    for (let row = 0; row < rowsOfBlocks; row++) {
      const at = row * blockBytes + grouped.scaleAt!;
      bytes.set(row === 2 ? [0, 0] : [0, 0x3c], at);
    }
    return bytes;
  });

  const codesOf = (bytes: Uint8Array) => {
    const codes = new Int8Array(rowsOfBlocks * columns);
    for (let row = 0; row < rowsOfBlocks; row++) grouped.codes(bytes, row * blockBytes, codes, row * columns);
    return codes;
  };

  it('packs rows', () => {
    fc.assert(
      fc.property(blocks, (bytes) => {
        const target = new Uint8Array((rowsOfBlocks * columns) / 4);
        packCodesOf(type, grouped, bytes, target, new Scratch());
        expect(target).toEqual(packRowsOfCodes(codesOf(bytes), 'ternary'));
      }),
      { numRuns: 20 },
    );
  });

  it.each([0, 1])('packs planes with one scale, %i bytes into a buffer', async (offset) => {
    const read = (bytes: Uint8Array<ArrayBuffer>): Rows => ({
      ...{ count: rowsOfBlocks, columns, width: blockBytes, scratch: new Scratch() },
      read: async (first, count) => bytes.subarray(first * blockBytes, (first + count) * blockBytes),
    });
    const property = fc.asyncProperty(blocks, async (bytes) => {
      const packed = new Uint8Array(2 * columns + offset).subarray(offset);
      await packOneScale(codedBlocks(type, grouped, read(bytes)), 1, 0, packed, 'test');
      const [codes, scales] = [codesOf(bytes), scalesOf(type, grouped, bytes)];
      const expected = packed.map((_, k) => {
        let byte = 0;
        for (let plane = 0; plane < 4; plane++) {
          const at = k + plane * 2 * columns;
          const code = at < codes.length && scales[Math.floor(at / grouped.group)] !== 0 ? codes[at]! : 0;
          byte |= (code + 1) << (2 * plane);
        }
        return byte;
      });
      expect(packed).toEqual(expected);
    });
    await fc.assert(property, { numRuns: 20 });
  });
});
