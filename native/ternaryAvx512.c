/** AVX-512 VNNI: dot products of whole bytes, 512 bits at a time. */
#include "x86.h"

INLINE __m128i quarter(__m512i v) {
  return half(_mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1)));
}

/** The sums of neighbouring quarters: two of a, then two of b. */
INLINE __m512i foldQuarters(__m512i a, __m512i b) {
  return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
}

/** Of sixteen vectors, the sums of the lanes: neighbours are transposed while they are added. */
INLINE __m512i sumsOfSixteen(const __m512i *v) {
  __m512i four[4];
#pragma GCC unroll 4
  for (int t = 0; t < 4; t++, v += 4) {
    const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
    const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
    four[t] = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  }
  const __m512i low = foldQuarters(four[0], four[1]), high = foldQuarters(four[2], four[3]);
  return foldQuarters(low, high);
}

#define NAME ternaryAvx512
#define VECTOR __m512i
#define BYTES 64
#define SUMS __m512i
#define ZERO _mm512_setzero_si512()
#define LOAD(p) _mm512_loadu_si512(p)
#define PLANE(w, mask) _mm512_and_si512(w, _mm512_set1_epi8(mask))
#define DOT(sums, w, q) _mm512_dpbusd_epi32(sums, w, q)
#define LAST(w) (w)
#define UPPER(s0, s1, s2, s) (((s) - (s0) - (s1) - (s2)) >> 6)
#define FOLD(a, b, c, d, to) foldHalves(quarter(a), quarter(b), quarter(c), quarter(d), to)
#define TOKENS 4
#define SUM_TOKENS(s) sumsOfSixteen(s)
#define LOW_INTS(a, b) _mm512_unpacklo_epi32(a, b)
#define HIGH_INTS(a, b) _mm512_unpackhi_epi32(a, b)
#define LOW_PAIRS(a, b) _mm512_unpacklo_epi64(a, b)
#define HIGH_PAIRS(a, b) _mm512_unpackhi_epi64(a, b)
#define PREFETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T1)
#include "ternary.inc"
