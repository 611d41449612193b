// What all inner loops of the ternary product share: asking for packed rows in time, and adding up planes.

/** Packed bytes that are asked for at a time. */
export const fetched: usize = 256;

/**
 * Asks for the next bytes of a packed row, a line of the cache at a time. WebAssembly has no prefetch, but a load
 * that nothing waits for is one: where a loop's own loads meet memory, what depends on them fills the processor's
 * queue after two or three lines, and it looks no further ahead.
 */
// @ts-ignore: decorator
@inline
export function fetch(codes: usize): void {
  load<u8>(codes);
  load<u8>(codes, 64);
  load<u8>(codes, 128);
  load<u8>(codes, 192);
}

/** The sums of four vectors' lanes, transposing as we add: two halves of two, then both halves of all four. */
// @ts-ignore: decorator
@inline
export function sumsOfLanes(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7));
  const cd = i32x4.add(i32x4.shuffle(c, d, 0, 4, 1, 5), i32x4.shuffle(c, d, 2, 6, 3, 7));
  return i32x4.add(i32x4.shuffle(ab, cd, 0, 1, 4, 5), i32x4.shuffle(ab, cd, 2, 3, 6, 7));
}
