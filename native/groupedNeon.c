/** NEON with dot products: signed bytes, which hold all codes in place. */
#include "plusminus.h"
#include <arm_neon.h>

INLINE uint8x16_t word(const int8_t *q) { return vreinterpretq_u8_s32(vld1q_dup_s32((const int32_t *)q)); }

INLINE void addLanes(int32x4_t t, int place, int32_t sum, const float *scales, float *floats) {
  const int32x4_t whole = vsubq_s32(vshlq_s32(t, vdupq_n_s32(-place)), vdupq_n_s32(sum));
  vst1q_f32(floats, vfmaq_f32(vld1q_f32(floats), vcvtq_f32_s32(whole), vld1q_f32(scales)));
}

INLINE void storeHalves(const uint8_t *from, float *to) {
  vst1q_f32(to, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16((const uint16_t *)from))));
}

#define NAME groupedNeon
#define VECTOR uint8x16_t
#define BYTES 16
#define SUMS int32x4_t
#define NO_SUMS vdupq_n_s32(0)
#define TOTALS int32x4_t
#define LOAD(p) vld1q_u8((const uint8_t *)(p))
#define STORE(p, t) vst1q_s32(p, t)
#define PLANE(w, mask) vandq_u8(w, vdupq_n_u8(mask))
#define UP(w, n) vshlq_n_u8(w, n)
#define DOWN(w, n) vshrq_n_u8(w, n)
#define DOT(sums, w, q) vdotq_s32(sums, vreinterpretq_s8_u8(w), vreinterpretq_s8_u8(q))
#define ADD_TIMES(t, s, u) vmlaq_n_s32(t, s, (int32_t)((u) & 0xffff))
#define SPLAT(n) vdupq_n_s32(n)
#define LANES 4
#define HALVES(from, to) storeHalves(from, to)
#define ADD_LANES(t, place, sum, scales, floats) addLanes(t, place, sum, scales, floats)
#define WORD(q) word(q)
#define SPREAD(q) word(q)
#define ROWS 2
#define PREFETCH(p) __builtin_prefetch(p, 0, 2)
#define SIXTEEN int8x16_t
#define SIXTEEN_AT(p) vld1q_s8((const int8_t *)(p))
#define LOWER(w) vandq_s8(w, vdupq_n_s8(15))
#define UPPER(w) vreinterpretq_s8_u8(vshrq_n_u8(vreinterpretq_u8_s8(w), 4))
#define DOTS(sums, w, q) (FourInts)vdotq_s32((int32x4_t)(sums), w, q)
#define DOTS_SMALL(sums, w, q) DOTS(sums, w, q)
#define FMA(a, b, c) (FourFloats)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b))
#include "grouped.inc"
