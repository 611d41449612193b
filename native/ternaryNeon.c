/** NEON with dot products: signed bytes, so that the upper plane is shifted down. */
#include "plusminus.h"
#include <arm_neon.h>

/** Of four vectors, the sums of the lanes. */
INLINE int32x4_t sumsOfFour(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d) {
  return vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
}

INLINE int32x4_t lowPairs(int32x4_t a, int32x4_t b) {
  return vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

INLINE int32x4_t highPairs(int32x4_t a, int32x4_t b) {
  return vreinterpretq_s32_s64(vzip2q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

#define NAME ternaryNeon
#define VECTOR uint8x16_t
#define BYTES 16
#define SUMS int32x4_t
#define ZERO vdupq_n_s32(0)
#define LOAD(p) vld1q_u8((const uint8_t *)(p))
#define PLANE(w, mask) vandq_u8(w, vdupq_n_u8(mask))
#define DOT(sums, w, q) vdotq_s32(sums, vreinterpretq_s8_u8(w), vreinterpretq_s8_u8(q))
#define LAST(w) vshrq_n_u8(w, 6)
#define UPPER(s0, s1, s2, s) (s)
#define FOLD(a, b, c, d, to) vst1q_s32(to, sumsOfFour(a, b, c, d))
#define TOKENS 4
#define FEWEST_TOKENS TOKENS
#define SUM_TOKENS(s) sumsOfFour((s)[0], (s)[1], (s)[2], (s)[3])
#define LOW_INTS(a, b) vzip1q_s32(a, b)
#define HIGH_INTS(a, b) vzip2q_s32(a, b)
#define LOW_PAIRS(a, b) lowPairs(a, b)
#define HIGH_PAIRS(a, b) highPairs(a, b)
#define PREFETCH(p) __builtin_prefetch(p, 0, 2)
#include "ternary.inc"
#include "ternaryRows.inc"
