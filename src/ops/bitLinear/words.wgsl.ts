/** `wordAt(byte)`: four bytes of `codes` from a byte offset on, which need not be aligned. */
export function wordAt(width: number): string {
  if (width % 4 === 0) return 'fn wordAt(byte: u32) -> u32 { return codes[byte >> 2u]; }';
  return `
fn wordAt(byte: u32) -> u32 {
  let word = byte >> 2u;
  let shift = 8u * (byte & 3u);
  var bits = codes[word] >> shift;
  if (shift > 0u && word + 1u < arrayLength(&codes)) { bits |= codes[word + 1u] << (32u - shift); }
  return bits;
}`;
}
