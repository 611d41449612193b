/** AVX2: products of bytes are added in pairs to 16 bits, which codes below 64 cannot overflow. */
#include "x86.h"

INLINE __m256i dot(__m256i sums, __m256i w, __m256i q) {
  return _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_maddubs_epi16(w, q), _mm256_set1_epi16(1)));
}

#define NAME ternaryAvx2
#define VECTOR __m256i
#define BYTES 32
#define SUMS __m256i
#define ZERO _mm256_setzero_si256()
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define PLANE(w, mask) _mm256_and_si256(w, _mm256_set1_epi8(mask))
#define DOT(sums, w, q) dot(sums, w, q)
#define LAST(w) PLANE(_mm256_srli_epi16(w, 6), 0x03)
#define UPPER(s0, s1, s2, s) (s)
#define FOLD(a, b, c, d, to) foldHalves(half(a), half(b), half(c), half(d), to)
#define TOKENS 2
#define FEWEST_TOKENS TOKENS
#define SUM_TOKENS(s) sumsOfEight(s)
#define LOW_INTS(a, b) _mm256_unpacklo_epi32(a, b)
#define HIGH_INTS(a, b) _mm256_unpackhi_epi32(a, b)
#define LOW_PAIRS(a, b) _mm256_unpacklo_epi64(a, b)
#define HIGH_PAIRS(a, b) _mm256_unpackhi_epi64(a, b)
#define PREFETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T1)
#include "ternary.inc"
#include "ternaryRows.inc"
