import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble } from './assembler.ts';
import { disassemble } from './disassembler.ts';
import { decode, encode, instruction, operations } from './instructionSet.ts';
import { defaultSizes } from './parameters.ts';
import { illegalWords, randomProgram } from './testing.ts';

describe('assembler and disassembler', () => {
  it('round-trips any words: legal ones as instructions, others as .word', () => {
    const anyWord = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    const opcode = fc.constantFrom(...operations.map((entry) => entry.opcode));
    const likely = fc.tuple(opcode, anyWord).map(([code, bits]) => (BigInt(code) << 58n) | (bits >> 6n));
    fc.assert(
      fc.property(fc.array(fc.oneof(anyWord, likely), { maxLength: 30 }), (words) => {
        expect(assemble(disassemble(words))).toEqual(words);
      }),
    );
    let legal = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const { words } = randomProgram(seed, { ...defaultSizes, cores: 3 }, 50);
      legal += words.filter((word) => decode(word)).length;
      const text = disassemble(words);
      expect(text).not.toContain('.word');
      expect(assemble(text)).toEqual(words);
    }
    expect(legal).toBeGreaterThan(1500);
  });

  it('knows labels, constants, expressions and real scalars', () => {
    const words = assemble(`
      .const width 128
      .const table 0x40 ; in beats
    again: tin end
      lde v0, table + 2 * (width - 127), len=width, left=2
      mul v1, v0, v2, shift=20, scale=s3, max=s4, len=width
      sli s1, 0.25
      tmv q1, to=v3, rows=width, cols=width, arg, first
      jmp again
    end: halt`);
    expect(words).toEqual(
      [
        instruction('tin', { target: 6 }),
        instruction('lde', { y: 0, addr: 0x42, len: 128, left: 2 }),
        instruction('mul', { y: 1, a: 0, b: 2, shift: 4, scale: 3, red: 2, sd: 4, len: 128 }),
        instruction('sli', { sd: 1, m: 32768, e: -17 }),
        instruction('tmv', { q: 1, to: 3, wr: 1, rows: 128, cols: 128, arg: 1, first: 1 }),
        instruction('jmp', { target: 0 }),
        instruction('halt'),
      ].map(encode),
    );
  });

  it.each([
    ['add v9, v1, v2, len=3', '7: found v9, expected v0 to v7'],
    ['add v0 v1, v2, len=3', '10: found v1, expected ,'],
    ['add v0, v1, v2', '17: add: expected len=…'],
    ['add v0, v1, v2, len=16384', '23: len: found 16384, expected 0 to 16383'],
    ['add v0, v1, v2, len=3, ss=s0', '3: add: s0 is the constant one and cannot be written'],
    ['add v0, v1, v2, len=3, len=4', '26: len is given twice'],
    ['add v0, v1, v2, len=3, ss=s1, max=s2', '33: an instruction has one reduction, ss= or max='],
    ['add v0, v1, v2, shift=16, len=3', '19: found shift, expected scale= len= ss= max='],
    ['mul v0, v1, v2, shift=15, len=3', '25: shift: found 15, expected 16 to 47'],
    ['frob', '3: found frob, expected one of nop'],
    ['jmp nowhere', '7: label nowhere is not defined'],
    ['jmp 70000', '7: found address 70000, expected 0 to 65535'],
    ['ldv v0, 1 +, len=2', '14: found ,, expected a number or a constant'],
    ['ldv v0, (1, len=2', '13: found ,, expected )'],
    ['ldv v0, 12ab, len=2', '11: found "1", expected a name, a number'],
    ['ldh v0, 1, len=2, left=17', '3: ldh: left=17: expected 0 to 16'],
    ['tmv q0, rows=1, cols=1', '3: tmv: neither to= nor arg'],
    ['tmv q0, to=v1, rows=1, cols=1, first', '3: tmv: first without arg'],
    ['tmv q2, to=v1, rows=1, cols=1', '7: found q2, expected q0 to q1'],
    ['sli s1, 3, 2', '3: sli: mantissa 3'],
    ['.const a b', '12: found b, expected a constant'],
    ['.word 0x10000000000000000', '9: found 0x10000000000000000, expected an integer of 64 bits'],
    ['here: nop here: nop', '13: found here, expected the end of the line'],
    ['here: here: nop', '9: label here is defined twice'],
    ['nop $', '7: found "$", expected'],
  ])('says where %j is wrong', (line, message) => {
    let found = '';
    try {
      assemble(`nop\n  ${line}`, 'x.s');
    } catch (error) {
      found = (error as Error).message;
      expect((error as Error).name).toBe('InputError');
    }
    expect(found).toContain(`x.s:2:${message}`);
  });

  it('handles any text', () => {
    const piece = fc.constantFrom(
      'add',
      'v1',
      ',',
      '(',
      '=',
      '-',
      ':',
      '.const',
      'x',
      '7',
      '0x',
      '\n',
      ' ',
      '"',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        try {
          assemble(pieces.join(''));
        } catch (error) {
          expect((error as Error).name).toBe('InputError');
        }
      }),
      { numRuns: 500 },
    );
    // Programs with pieces changed: what still assembles survives the way to text and back.
    const { words } = randomProgram(3, defaultSizes, 60);
    const good = disassemble(words);
    const place = fc.nat(good.length);
    fc.assert(
      fc.property(place, fc.nat(12), fc.oneof(piece, fc.string({ maxLength: 6 })), (at, cut, other) => {
        let found: bigint[];
        try {
          found = assemble(good.slice(0, at) + other + good.slice(at + cut));
        } catch (error) {
          expect((error as Error).name).toBe('InputError');
          expect((error as Error).message).toMatch(/:\d+:\d+: /);
          return;
        }
        expect(assemble(disassemble(found))).toEqual(found);
      }),
      { numRuns: 500 },
    );
    expect(() => assemble('sli s1, 1.5e999')).toThrow('assembly:1:9: found 1.5e999, expected a number below');
    expect(() => assemble(`.const a ${'('.repeat(5000)}1`)).toThrow('parentheses deeper than');
    expect(() => assemble(`.const a ${'-'.repeat(5000)}1`)).toThrow('parentheses deeper than');
  });
});

describe('the instruction set', () => {
  it('takes every reserved bit and every free opcode as illegal', () => {
    const words = illegalWords();
    expect(words.length).toBeGreaterThan(400);
    expect(words.filter((word) => decode(word))).toEqual([]);
    expect(assemble(disassemble(words))).toEqual(words);
  });

  it('has no two instructions with one opcode, and no field in two places', () => {
    expect(new Set(operations.map(({ opcode }) => opcode)).size).toBe(operations.length);
    for (const { name, fields } of operations) {
      const bits = new Set<number>();
      for (const { high, low } of fields) {
        for (let bit = low; bit <= high; bit++) {
          expect(bits.has(bit), `${name} bit ${bit}`).toBe(false);
          expect(bit).toBeLessThan(58);
          bits.add(bit);
        }
      }
    }
  });
});
