import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { sizeOf } from '../../program/shapes.ts';
import { largestHalf } from '../halfFloats.ts';
import { smallestTop } from '../pageRows.ts';
import { poolRow } from '../pages.cuda.ts';
import { pageTypeOf, poolWidth } from '../pages.ts';
import { appendSizes, appendToPagesOp } from './appendToPages.ts';

/** `storeHead(to, x, size)`: stores the floats of a head. */
const storeHead = `
__device__ inline void storeHead(float* to, const float* x, unsigned size) {
  for (unsigned c = 0; c < size; c++) to[c] = x[c];
}
__device__ inline void storeHead(f16* to, const float* x, unsigned size) {
  for (unsigned c = 0; c < size; c++) {
    const float value = x[c] < -${largestHalf}.f ? -${largestHalf}.f : x[c] > ${largestHalf}.f ? ${largestHalf}.f : x[c];
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(to[c].bits) : "f"(value));
  }
}
__device__ inline void storeHead(signed char* to, const float* x, unsigned size) {
  float top = ${smallestTop}f;
  for (unsigned c = 0; c < size; c++) top = fmaxf(top, fabsf(x[c]));
  const float step = __fdiv_rn(top, 127.f);
  for (unsigned c = 0; c < size; c++) to[c] = (signed char)__float2int_rn(__fdiv_rn(x[c], step));
  *(float*)(to + size) = step;
}
`;

/** Columns that a thread stores: as many as share a step. */
const partOf = { f32: 4, f16: 4, i8: undefined };

/** next, the pool's own memory, gets each of the rows at its place; its other rows stay. */
export const appendToPagesOnCuda = [
  onCuda(
    appendToPagesOp,
    ({ inputs: { pool, rows, ...paging }, outputs: { next }, attributes: { headSize } }) => {
      const type = pageTypeOf(pool);
      const part = partOf[type] ?? headSize;
      const { heads } = appendSizes(pool, headSize);
      return [
        {
          kernel: `appendToPages.${type}`,
          functions: poolRow + storeHead,
          body: eachElement(`
    const unsigned r = i / parts, column = i % parts;
    const size_t row = poolRow(pages, maxPages, slots[r], positions[r]);
    storeHead(next + (row * parts + column) * stride, rows + (size_t)i * part, part);`),
          tensors: { rows, ...paging, next },
          numbers: {
            ...{ size: rows.size / part, part, parts: (heads * headSize) / part },
            ...{ stride: poolWidth(type, 1, part), maxPages: sizeOf(paging.pages, 1) },
          },
          ...overElements(rows.size / part),
        },
      ];
    },
  ),
];
