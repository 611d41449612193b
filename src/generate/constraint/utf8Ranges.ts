/** A range of code points as sequences of byte ranges, so that a byte automaton reads characters. */

type ByteRange = readonly [from: number, to: number];

/** Surrogates, which UTF-8 does not encode, are left out. */
export function utf8Ranges(from: number, to: number): ByteRange[][] {
  const found: ByteRange[][] = [];
  if (from < 0xd800) split(from, Math.min(to, 0xd7ff), found);
  if (to > 0xdfff) split(Math.max(from, 0xe000), to, found);
  return found;
}

/** Splits a range until all its characters have one length, and differ in their last bytes freely. */
function split(from: number, to: number, found: ByteRange[][]): void {
  if (from > to) return;
  const cut = cutOf(from, to);
  if (cut === undefined) {
    const [first, last] = [bytesOf(from), bytesOf(to)];
    found.push(first.map((byte, index) => [byte, last[index]!]));
    return;
  }
  split(from, cut, found);
  split(cut + 1, to, found);
}

/** Where to split: after this character. */
function cutOf(from: number, to: number): number | undefined {
  for (const longest of [0x7f, 0x7ff, 0xffff]) if (from <= longest && longest < to) return longest;
  if (to <= 0x7f) return undefined;
  for (let bytes = 1; bytes < 4; bytes++) {
    const low = 2 ** (6 * bytes) - 1;
    if ((from & ~low) === (to & ~low)) continue;
    if ((from & low) !== 0) return from | low;
    if ((to & low) !== low) return (to & ~low) - 1;
  }
  return undefined;
}

function bytesOf(code: number): number[] {
  if (code <= 0x7f) return [code];
  const tail = (shift: number) => 0x80 | ((code >> shift) & 0x3f);
  if (code <= 0x7ff) return [0xc0 | (code >> 6), tail(0)];
  if (code <= 0xffff) return [0xe0 | (code >> 12), tail(6), tail(0)];
  return [0xf0 | (code >> 18), tail(12), tail(6), tail(0)];
}
