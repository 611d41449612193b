#include "plusminus.h"
#include <arm_neon.h>

#define NAME rowsNeon
#define FMA(a, b, c) vfmaq_f32(c, a, b)
#include "rows.inc"
