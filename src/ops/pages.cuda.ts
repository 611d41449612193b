/** Rows of a pool of pages in CUDA C++, by the formulas of pages.ts and pageRows.ts. */
import { pageSize } from './pages.ts';

/** `poolRow(pages, maxPages, slot, position)`: the row of the pool that holds a position of a sequence. */
export const poolRow = `
__device__ inline unsigned poolRow(const int* pages, unsigned maxPages, unsigned slot, unsigned position) {
  return (unsigned)pages[slot * maxPages + position / ${pageSize}] * ${pageSize} + position % ${pageSize};
}
`;

/**
 * `loadFour(at)`: four neighbours of a pool as floats, without the step of i8; `toFloat` loads one. `stepOf(at, size)`:
 * the step of the head of `size` elements that begins there, 1 for floats.
 */
export const poolElements = `
__device__ inline float4 loadFour(const float* at) { return *(const float4*)at; }
__device__ inline float4 loadFour(const f16* at) {
  union { uint2 words; f16 halves[4]; } four = {*(const uint2*)at};
  return make_float4(toFloat(four.halves[0]), toFloat(four.halves[1]), toFloat(four.halves[2]), toFloat(four.halves[3]));
}
__device__ inline float4 loadFour(const signed char* at) {
  const char4 four = *(const char4*)at;
  return make_float4(four.x, four.y, four.z, four.w);
}
template <typename T> __device__ inline float stepOf(const T*, unsigned) { return 1.f; }
__device__ inline float stepOf(const signed char* at, unsigned size) { return *(const float*)(at + size); }
`;
