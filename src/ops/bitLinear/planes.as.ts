// Helpers shared by all inner loops of the ternary product: prefetching packed rows, and summing planes.

/** Packed bytes that are fetched at a time. */
export const fetched: usize = 256;

/** How far ahead; the heap leaves room for reads so far past its last block. */
const ahead: usize = 1024;

/**
 * Fetches a part of a packed row that will soon be read, one cache line at a time. WebAssembly has no prefetch
 * instruction, but a load whose result is not needed yet acts as one. A loop's own loads do not reach as far ahead: the
 * instructions that depend on them fill the processor's queue after two or three lines.
 */
// @ts-ignore: decorator
@inline
export function fetch(codes: usize): void {
  load<u8>(codes, ahead);
  load<u8>(codes, ahead + 64);
  load<u8>(codes, ahead + 128);
  load<u8>(codes, ahead + 192);
}

/** The sums of four vectors' lanes, transposing while adding: two halves of two, then both halves of all four. */
// @ts-ignore: decorator
@inline
export function sumsOfLanes(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.add(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7));
  const cd = i32x4.add(i32x4.shuffle(c, d, 0, 4, 1, 5), i32x4.shuffle(c, d, 2, 6, 3, 7));
  return i32x4.add(i32x4.shuffle(ab, cd, 0, 1, 4, 5), i32x4.shuffle(ab, cd, 2, 3, 6, 7));
}
