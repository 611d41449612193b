#include "plusminus.h"
#include <immintrin.h>

static inline __m256 foldFours(__m256 a, __m256 b, __m256 c, __m256 e) {
  const __m256 ab = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
  const __m256 ce = _mm256_add_ps(_mm256_unpacklo_ps(c, e), _mm256_unpackhi_ps(c, e));
  const __m256d low = _mm256_unpacklo_pd((__m256d)ab, (__m256d)ce), high = _mm256_unpackhi_pd((__m256d)ab, (__m256d)ce);
  return _mm256_add_ps((__m256)low, (__m256)high);
}

static inline void turnFours(__m256 x[2]) {
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
#define ZIP(low, high)                                                                                                  \
  do {                                                                                                                  \
    const __m256 even = _mm256_unpacklo_ps(low, high), odd = _mm256_unpackhi_ps(low, high);                             \
    low = _mm256_permute2f128_ps(even, odd, 0x20);                                                                      \
    high = _mm256_permute2f128_ps(even, odd, 0x31);                                                                     \
  } while (0)
#define ATTENTION attentionAvx2
#define QUERIES 2
#define FOUR(p) _mm256_broadcast_ps((const __m128 *)(p))
#define TURN(fours) turnFours(fours)
#define FOLD(a, b, c, e) foldFours(a, b, c, e)
#include "dense.inc"
#include "attention.inc"
