/** Sums of the lanes of vectors of 256 bits. */
#ifndef X86_H
#define X86_H

#include "plusminus.h"
#include <immintrin.h>

INLINE __m128i half(__m256i v) { return _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)); }

INLINE void foldHalves(__m128i a, __m128i b, __m128i c, __m128i d, int32_t *to) {
  _mm_storeu_si128((__m128i *)to, _mm_hadd_epi32(_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d)));
}

/** Four vectors to the sums of their lower halves' lanes, then to those of their upper halves. */
INLINE __m256i foldLanes(const __m256i *v) {
  return _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
}

/** Of eight vectors, the sums of the lanes. */
INLINE __m256i sumsOfEight(const __m256i *v) {
  const __m256i a = foldLanes(v), b = foldLanes(v + 4);
  const __m256i lower = _mm256_permute2x128_si256(a, b, 0x20), upper = _mm256_permute2x128_si256(a, b, 0x31);
  return _mm256_add_epi32(lower, upper);
}

#endif
