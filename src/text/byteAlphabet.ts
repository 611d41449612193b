/**
 * The alphabet of byte-level BPE: each of the 256 bytes is shown as one printable character, so that
 * vocabularies stay readable JSON. Printable Latin-1 bytes show as themselves; the others move to U+0100 on.
 */

/** byte → its character. */
export const characterOfByte: readonly string[] = buildAlphabet();

/** character → its byte. */
export const byteOfCharacter: ReadonlyMap<string, number> = new Map(
  characterOfByte.map((character, byte) => [character, byte]),
);

function buildAlphabet(): string[] {
  let moved = 0;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(isPrintable(byte) ? byte : 256 + moved++),
  );
}

function isPrintable(byte: number): boolean {
  return (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
}
