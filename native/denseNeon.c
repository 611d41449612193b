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
#include "dense.inc"
