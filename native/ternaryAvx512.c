/** AVX-512 VNNI: dot products of whole bytes, 512 bits at a time. */
#include "x86.h"

INLINE __m128i quarter(__m512i v) {
  return half(_mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1)));
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
#define PREFETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T1)
#include "ternary.inc"
