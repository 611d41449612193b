/** Text from a file of unknown encoding, of a size that a page can train on. */

/** Bytes; more is cut off, and the reader is told. */
const maxBytes = 8_000_000;

export interface ReadText {
  readonly text: string;
  /** What the reader should know about how it was read; empty if nothing. */
  readonly note: string;
}

/** @throws Error if the file is not text */
export async function readText(file: Blob): Promise<ReadText> {
  const bytes = new Uint8Array(await file.slice(0, maxBytes).arrayBuffer());
  const isCut = file.size > maxBytes;
  const { text, encoding } = decode(bytes, isCut);
  if (isBinary(text)) throw new Error('This file is not text. Expected plain text, such as .txt or .md');
  const notes = [
    ...(encoding === 'utf-8' ? [] : [`read as ${encoding}`]),
    ...(isCut ? [`the first ${maxBytes / 1e6} of ${(file.size / 1e6).toFixed(0)} MB`] : []),
  ];
  return { text, note: notes.join(', ') };
}

function decode(bytes: Uint8Array, isCut: boolean): { text: string; encoding: string } {
  const mark = [...bytes.subarray(0, 2)].map((byte) => byte.toString(16)).join('');
  const utf16 = { fffe: 'utf-16le', feff: 'utf-16be' }[mark];
  if (utf16) return { text: new TextDecoder(utf16).decode(bytes), encoding: utf16 };
  try {
    // Where the file was cut, a character may be incomplete.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isCut });
    return { text, encoding: 'utf-8' };
  } catch {
    return { text: new TextDecoder('windows-1252').decode(bytes), encoding: 'Latin-1' };
  }
}

/** Control characters other than line ends, tabs and page breaks do not occur in text. */
function isBinary(text: string): boolean {
  const sample = text.slice(0, 100_000);
  const controls = sample.match(/(?![\t\n\f\r\u0085])\p{Cc}/gu)?.length ?? 0;
  return controls > sample.length / 500;
}
