#include "plusminus.h"
#include <immintrin.h>

INLINE void turnWithin(__m512 x[4]) {
  const __m512d a = (__m512d)_mm512_unpacklo_ps(x[0], x[1]), b = (__m512d)_mm512_unpackhi_ps(x[0], x[1]);
  const __m512d c = (__m512d)_mm512_unpacklo_ps(x[2], x[3]), e = (__m512d)_mm512_unpackhi_ps(x[2], x[3]);
  x[0] = (__m512)_mm512_unpacklo_pd(a, c);
  x[1] = (__m512)_mm512_unpackhi_pd(a, c);
  x[2] = (__m512)_mm512_unpacklo_pd(b, e);
  x[3] = (__m512)_mm512_unpackhi_pd(b, e);
}

INLINE void turnAcross(__m512 x[4]) {
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
#define WITHIN(x) turnWithin(x)
#define ACROSS(x) turnAcross(x)
#define ATTENTION attentionAvx512
#define QUERIES 4
#define FOUR(p) _mm512_broadcast_f32x4(_mm_loadu_ps(p))
#include "dense.inc"
#include "attention.inc"
