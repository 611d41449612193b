#include "plusminus.h"
#include <immintrin.h>

/** Lanes of two vectors in turn, 16 on those of the second. */
#define lowerHalves _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0)
#define upperHalves _mm512_set_epi32(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8)

/** As dotFour of src/ops/attention/softmax.as.ts: transposing as we add. */
static inline __m512 foldFours(__m512 a, __m512 b, __m512 c, __m512 e) {
  const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const __m512 ce = _mm512_add_ps(_mm512_unpacklo_ps(c, e), _mm512_unpackhi_ps(c, e));
  const __m512d low = _mm512_unpacklo_pd((__m512d)ab, (__m512d)ce), high = _mm512_unpackhi_pd((__m512d)ab, (__m512d)ce);
  return _mm512_add_ps((__m512)low, (__m512)high);
}

static inline void turnFours(__m512 x[4]) {
  const __m512 a = _mm512_shuffle_f32x4(x[0], x[1], 0x44), b = _mm512_shuffle_f32x4(x[0], x[1], 0xee);
  const __m512 c = _mm512_shuffle_f32x4(x[2], x[3], 0x44), e = _mm512_shuffle_f32x4(x[2], x[3], 0xee);
  x[0] = _mm512_shuffle_f32x4(a, c, 0x88);
  x[1] = _mm512_shuffle_f32x4(a, c, 0xdd);
  x[2] = _mm512_shuffle_f32x4(b, e, 0x88);
  x[3] = _mm512_shuffle_f32x4(b, e, 0xdd);
}

#define NAME denseAvx512
#define FLOATS __m512
#define LANES 16
#define ROWS 12
#define LOADF(p) _mm512_loadu_ps(p)
#define STOREF(p, v) _mm512_storeu_ps(p, v)
#define SPLAT(x) _mm512_set1_ps(x)
#define MUL(a, b) _mm512_mul_ps(a, b)
#define ADD(a, b) _mm512_add_ps(a, b)
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define OF_HALVES(p) _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(p)))
#define OF_BFLOATS(p) (__m512) _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(p))), 16)
#define OF_INT8(p) _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(p))))
#define ZIP(low, high)                                                                                                  \
  do {                                                                                                                  \
    const __m512 both = _mm512_permutex2var_ps(low, lowerHalves, high);                                                 \
    high = _mm512_permutex2var_ps(low, upperHalves, high);                                                              \
    low = both;                                                                                                         \
  } while (0)
#define ATTENTION attentionAvx512
#define QUERIES 4
#define FOUR(p) _mm512_broadcast_f32x4(_mm_loadu_ps(p))
#define TURN(fours) turnFours(fours)
#define FOLD(a, b, c, e) foldFours(a, b, c, e)
#include "dense.inc"
#include "attention.inc"
