/** Sums of the lanes of vectors of 256 bits. */
#ifndef X86_H
#define X86_H

#include "plusminus.h"
#include <immintrin.h>

INLINE __m128i half(__m256i v) { return _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)); }

INLINE void foldHalves(__m128i a, __m128i b, __m128i c, __m128i d, int32_t *to) {
  _mm_storeu_si128((__m128i *)to, _mm_hadd_epi32(_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d)));
}

#endif
