/** AVX-512 VNNI: dot products of whole bytes, 512 bits at a time. */
#include "groupedX86.h"

/** Two words of four columns, each in eight lanes. */
INLINE __m512i spread(const int8_t *q) {
  int64_t words;
  memcpy(&words, q, 8);
  const __m512i lanes = _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  return _mm512_permutexvar_epi32(lanes, _mm512_set1_epi64(words));
}

INLINE __m512i word(const int8_t *q) {
  int32_t four;
  memcpy(&four, q, 4);
  return _mm512_set1_epi32(four);
}

INLINE __m256i bothSteps(__m512i t) {
  return _mm256_add_epi32(_mm512_castsi512_si256(t), _mm512_extracti64x4_epi64(t, 1));
}

/** Sums of 32 codes of 2, or 16 codes of 16, fit in 16 bits, which one instruction multiplies and adds. */
#define NAME groupedAvx512
#define VECTOR __m512i
#define BYTES 64
#define SUMS __m512i
#define NO_SUMS _mm512_setzero_si512()
#define TOTALS __m512i
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, t) _mm512_storeu_si512(p, t)
#define PLANE(w, mask) _mm512_and_si512(w, _mm512_set1_epi8(mask))
#define UP(w, n) _mm512_slli_epi16(w, n)
#define DOWN(w, n) _mm512_srli_epi16(w, n)
#define DOT(sums, w, q) _mm512_dpbusd_epi32(sums, w, q)
#define ADD_TIMES(t, s, u) _mm512_dpwssd_epi32(t, s, _mm512_maskz_set1_epi16(0x55555555, (short)(u)))
#define SPLAT(n) _mm512_set1_epi32(n)
#define LANES 8
#define HALVES(from, to) storeHalves(from, to)
#define ADD_LANES(t, place, sum, scales, floats) addLanes(bothSteps(t), place, sum, scales, floats)
#define WORD(q) word(q)
#define SPREAD(q) spread(q)
#define ROWS 6
#define PREFETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T1)
#define SIXTEEN __m128i
#define SIXTEEN_AT(p) _mm_loadu_si128((const __m128i *)(p))
#define LOWER(w) _mm_and_si128(w, _mm_set1_epi8(15))
#define UPPER(w) _mm_and_si128(_mm_srli_epi16(w, 4), _mm_set1_epi8(15))
#define DOTS(sums, w, q) DOTS_SMALL(sums, _mm_abs_epi8(w), _mm_sign_epi8(q, w))
#define DOTS_SMALL(sums, w, q) (FourInts)_mm_dpbusd_epi32((__m128i)(sums), w, q)
#define FMA(a, b, c) (FourFloats)_mm_fmadd_ps((__m128)(a), (__m128)(b), (__m128)(c))
#include "grouped.inc"
