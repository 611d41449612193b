/** round(x) to the nearest integer, halves to even, as IEEE and PyTorch round. |x| < 2^51. */
export function roundHalfEven(x: number): number {
  const shift = 6755399441055744; // 1.5 · 2^52: adding it leaves no fraction bits
  return x + shift - shift;
}
