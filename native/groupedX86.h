/** What kinds of vectors on x86 have in common in grouped products: eight lanes of a plane. */
#ifndef GROUPED_X86_H
#define GROUPED_X86_H

#include "plusminus.h"
#include <immintrin.h>

/** floats += scales · ((t >> place) − sum), rounded once. */
INLINE void addLanes(__m256i t, int place, int32_t sum, const float *scales, float *floats) {
  const __m256i whole = _mm256_sub_epi32(_mm256_srai_epi32(t, place), _mm256_set1_epi32(sum));
  const __m256 value = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), _mm256_loadu_ps(scales), _mm256_loadu_ps(floats));
  _mm256_storeu_ps(floats, value);
}

INLINE void storeHalves(const uint8_t *from, float *to) {
  _mm256_storeu_ps(to, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from)));
}

#endif
