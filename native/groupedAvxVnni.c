/** AVX-VNNI: dot products of whole bytes, 256 bits at a time. */
#include "groupedX86.h"

#define NAME groupedAvxVnni
#define VECTOR __m256i
#define BYTES 32
#define SUMS __m256i
#define NO_SUMS _mm256_setzero_si256()
#define TOTALS __m256i
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define STORE(p, t) _mm256_storeu_si256((__m256i *)(p), t)
#define PLANE(w, mask) _mm256_and_si256(w, _mm256_set1_epi8(mask))
#define UP(w, n) _mm256_slli_epi16(w, n)
#define DOWN(w, n) _mm256_srli_epi16(w, n)
#define DOT(sums, w, q) _mm256_dpbusd_avx_epi32(sums, w, q)
#define ADD_TIMES(t, s, u) _mm256_add_epi32(t, _mm256_mullo_epi32(s, _mm256_set1_epi32((int)((u) & 0xffff))))
#define SPLAT(n) _mm256_set1_epi32(n)
#define LANES 8
#define HALVES(from, to) storeHalves(from, to)
#define ADD_LANES(t, place, sum, scales, floats) addLanes(t, place, sum, scales, floats)
#define WORD(q) _mm256_castps_si256(_mm256_broadcast_ss((const float *)(q)))
#define SPREAD(q) WORD(q)
#define ROWS 2
#define PREFETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T1)
#define SIXTEEN __m128i
#define SIXTEEN_AT(p) _mm_loadu_si128((const __m128i *)(p))
#define LOWER(w) _mm_and_si128(w, _mm_set1_epi8(15))
#define UPPER(w) _mm_and_si128(_mm_srli_epi16(w, 4), _mm_set1_epi8(15))
#define DOTS(sums, w, q) DOTS_SMALL(sums, _mm_abs_epi8(w), _mm_sign_epi8(q, w))
#define DOTS_SMALL(sums, w, q) (FourInts)_mm_dpbusd_avx_epi32((__m128i)(sums), w, q)
#define FMA(a, b, c) (FourFloats)_mm_fmadd_ps((__m128)(a), (__m128)(b), (__m128)(c))
#include "grouped.inc"
