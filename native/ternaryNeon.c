/** NEON with dot products: signed bytes, so that the upper plane is shifted down. */
#include "plusminus.h"
#include <arm_neon.h>

INLINE void fold(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d, int32_t *to) {
  vst1q_s32(to, vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d)));
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
#define FOLD(a, b, c, d, to) fold(a, b, c, d, to)
#define TOKENS 4
#define PREFETCH(p) __builtin_prefetch(p, 0, 2)
#include "ternary.inc"
