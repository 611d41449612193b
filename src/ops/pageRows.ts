/** How rows of keys and values are kept in pages: the formula of all engines. */
import type { Data } from '../program/op.ts';
import { roundHalfEven } from '../rounding.ts';
import { element } from './element.ts';
import { floatDecoder, numberToHalf } from './halfFloats.ts';
import { type PageType, poolWidth, stepBytes } from './pages.ts';

/** What is taken for the largest entry of a head of zeros. */
export const smallestTop = 1e-30;

/**
 * Writes x [heads · headSize] as row `row` of a pool. f16: each entry rounded to the nearest half, at most 65,504. i8: with
 * step = max(max|x|, 1e-30) / 127 of a head, the codes round(x / step), halves to even, and the step.
 */
export function storeRow(
  type: PageType,
  x: Data,
  { heads, headSize, row }: { readonly heads: number; readonly headSize: number; readonly row: number },
  pool: Data,
): void {
  const first = row * poolWidth(type, heads, headSize);
  if (type === 'f32') pool.set(x, first);
  if (type === 'f16') pool.set(Array.from(x, numberToHalf), first);
  if (type !== 'i8') return;
  const bytes = new DataView(pool.buffer, pool.byteOffset, pool.byteLength);
  for (let head = 0; head < heads; head++) {
    const at = first + head * poolWidth(type, 1, headSize);
    const own = x.subarray(head * headSize, (head + 1) * headSize);
    const top = Array.from(own, Math.abs).reduce((a, b) => Math.max(a, b), smallestTop);
    const step = Math.fround(top / 127);
    for (let c = 0; c < headSize; c++) pool[at + c] = roundHalfEven(element(own, c) / step);
    bytes.setFloat32(at + headSize, step, true);
  }
}

/** Row `row` of a pool as numbers: [heads · headSize]. */
export function loadRow(
  type: PageType,
  pool: Data,
  { heads, headSize, row }: { readonly heads: number; readonly headSize: number; readonly row: number },
): Float64Array {
  const width = poolWidth(type, 1, headSize);
  const first = row * heads * width;
  if (type !== 'i8') {
    return Float64Array.from(pool.subarray(first, first + heads * width), floatDecoder(type));
  }
  const bytes = new DataView(pool.buffer, pool.byteOffset, pool.byteLength);
  return Float64Array.from({ length: heads * headSize }, (_, i) => {
    const at = first + Math.floor(i / headSize) * width;
    return element(pool, at + (i % headSize)) * bytes.getFloat32(at + width - stepBytes, true);
  });
}
