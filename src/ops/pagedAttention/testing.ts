/** Pools of pages for tests. */
import { input, type Tensor } from '../../program/tensor.ts';
import { SeededRandom } from '../../text/seededRandom.ts';
import { storeRow } from '../pageRows.ts';
import { type PageType, pageSize, poolWidth } from '../pages.ts';

export interface PoolSizes {
  readonly type: PageType;
  readonly pages: number;
  readonly heads: number;
  readonly headSize: number;
}

/** A pool full of normal noise, and its data as engines read them. */
export function randomPool(name: string, { type, pages, heads, headSize }: PoolSizes, seed: number) {
  const tensor = input(name, [pages, pageSize, poolWidth(type, heads, headSize)], type);
  const data = arrayFor(tensor);
  const random = new SeededRandom(seed);
  for (let row = 0; row < pages * pageSize; row++) {
    const x = random.fillNormal(new Float32Array(heads * headSize));
    storeRow(type, Float64Array.from(x), { heads, headSize, row }, data);
  }
  return { tensor, data: data instanceof Float64Array ? Float32Array.from(data) : data };
}

function arrayFor({ dtype, size }: Tensor) {
  if (dtype === 'f16') return new Uint16Array(size);
  return dtype === 'i8' ? new Int8Array(size) : new Float64Array(size);
}
