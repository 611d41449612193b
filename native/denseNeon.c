#include "plusminus.h"
#include <arm_neon.h>

#define NAME denseNeon
#define FLOATS float32x4_t
#define LANES 4
#define ROWS 10
#define LOADF(p) vld1q_f32(p)
#define STOREF(p, v) vst1q_f32(p, v)
#define SPLAT(x) vdupq_n_f32(x)
#define MUL(a, b) vmulq_f32(a, b)
#define ADD(a, b) vaddq_f32(a, b)
#define FMA(a, b, c) vfmaq_f32(c, a, b)
#define OF_HALVES(p) vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16((const uint16_t *)(p))))
#define OF_BFLOATS(p) vreinterpretq_f32_u32(vshlq_n_u32(vmovl_u16(vld1_u16((const uint16_t *)(p))), 16))
#define OF_INT8(p) fourCodes(p)
#define WITHIN(x) turnWithin(x)
#define ACROSS(x) (void)(x)

INLINE float32x4_t fourCodes(const uint8_t *p) {
  uint32_t codes;
  memcpy(&codes, p, 4);
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(codes)))));
}

INLINE void turnWithin(float32x4_t x[4]) {
  const float64x2_t a = (float64x2_t)vzip1q_f32(x[0], x[1]), b = (float64x2_t)vzip2q_f32(x[0], x[1]);
  const float64x2_t c = (float64x2_t)vzip1q_f32(x[2], x[3]), e = (float64x2_t)vzip2q_f32(x[2], x[3]);
  x[0] = (float32x4_t)vzip1q_f64(a, c);
  x[1] = (float32x4_t)vzip2q_f64(a, c);
  x[2] = (float32x4_t)vzip1q_f64(b, e);
  x[3] = (float32x4_t)vzip2q_f64(b, e);
}

#define ATTENTION attentionNeon
#define QUERIES 4
#define FOUR(p) vld1q_f32(p)
#include "dense.inc"
#include "attention.inc"
