#include "plusminus.h"
#include <immintrin.h>

INLINE void turnWithin(__m256 x[4]) {
  const __m256d a = (__m256d)_mm256_unpacklo_ps(x[0], x[1]), b = (__m256d)_mm256_unpackhi_ps(x[0], x[1]);
  const __m256d c = (__m256d)_mm256_unpacklo_ps(x[2], x[3]), e = (__m256d)_mm256_unpackhi_ps(x[2], x[3]);
  x[0] = (__m256)_mm256_unpacklo_pd(a, c);
  x[1] = (__m256)_mm256_unpackhi_pd(a, c);
  x[2] = (__m256)_mm256_unpacklo_pd(b, e);
  x[3] = (__m256)_mm256_unpackhi_pd(b, e);
}

INLINE void turnAcross(__m256 x[2]) {
  const __m256 low = _mm256_permute2f128_ps(x[0], x[1], 0x20);
  x[1] = _mm256_permute2f128_ps(x[0], x[1], 0x31);
  x[0] = low;
}

#define NAME denseAvx2
#define FLOATS __m256
#define LANES 8
#define ROWS 6
#define LOADF(p) _mm256_loadu_ps(p)
#define STOREF(p, v) _mm256_storeu_ps(p, v)
#define SPLAT(x) _mm256_set1_ps(x)
#define MUL(a, b) _mm256_mul_ps(a, b)
#define ADD(a, b) _mm256_add_ps(a, b)
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define OF_HALVES(p) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p)))
#define OF_BFLOATS(p) (__m256) _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(p))), 16)
#define OF_INT8(p) _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(p))))
#define WITHIN(x) turnWithin(x)
#define ACROSS(x) turnAcross(x)
#define ATTENTION attentionAvx2
#define QUERIES 2
#define FOUR(p) _mm256_broadcast_ps((const __m128 *)(p))
#include "dense.inc"
#include "attention.inc"
