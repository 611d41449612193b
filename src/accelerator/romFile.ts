/** Instruction ROMs as text: a word of 16 hexadecimal digits a line, as `$readmemh` reads them. */
import { InputError } from '../errors.ts';
import { hexWord } from './disassembler.ts';

const maxWords = 65536;

export function formatRom(words: readonly bigint[]): string {
  return `${words.map(hexWord).join('\n')}\n`;
}

/** @throws InputError for anything else than words, with the line; `//` begins a comment */
export function parseRom(text: string, source: string): bigint[] {
  const words: bigint[] = [];
  text.split(/\r\n|\n|\r/).forEach((line, index) => {
    const word = line.replace(/\/\/.*$/, '').trim();
    if (word === '') return;
    if (!/^[\da-f]{16}$/i.test(word)) {
      throw new InputError(
        `${source}:${index + 1}: found ${JSON.stringify(word.slice(0, 40))}, expected 16 hexadecimal digits`,
      );
    }
    if (words.length === maxWords) {
      throw new InputError(`${source}:${index + 1}: more than ${maxWords} words: the pc has 16 bits`);
    }
    words.push(BigInt(`0x${word}`));
  });
  return words;
}

/** DRAM for `$readmemh`: a beat a line, its last byte first. */
export function* formatMemory(memory: Uint8Array, beatBytes: number): Generator<string> {
  for (let at = 0; at < memory.length; at += beatBytes) {
    yield `${Buffer.from(memory.subarray(at, at + beatBytes))
      .reverse()
      .toString('hex')}\n`;
  }
}
