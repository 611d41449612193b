/** Floats by their bits, and the functions of src/kernels/cpu/math.as.ts in its operations, which the compiler makes vectors of. */
#ifndef FLOATS_H
#define FLOATS_H

#include "plusminus.h"
#include <math.h>

INLINE float asFloat(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

INLINE uint32_t asBits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}

/** exp4 of math.as.ts. */
INLINE float expOf(float x) {
  const float low = x < -87 ? -87 : x, clamped = low > 88 ? 88 : low;
  const float round = 12583039, rounded = clamped * 1.44269504f + round, k = rounded - round;
  float r = clamped - k * 0.693359375f;
  r = r - k * -2.12194440e-4f;
  float p = (float)(1.0 / 5040.0);
  p = fmaf(p, r, (float)(1.0 / 720.0));
  p = fmaf(p, r, (float)(1.0 / 120.0));
  p = fmaf(p, r, (float)(1.0 / 24.0));
  p = fmaf(p, r, (float)(1.0 / 6.0));
  p = fmaf(p, r, 0.5f);
  p = fmaf(p, r, 1);
  p = fmaf(p, r, 1);
  return p * asFloat(asBits(rounded) << 23);
}

/** max|x| of `count` floats. Without their signs, the largest has the largest bits, and NaN has larger ones. */
INLINE float largestSize(const float *x, int32_t count) {
  uint32_t top = 0;
  for (int32_t i = 0; i < count; i++) {
    const uint32_t bits = asBits(x[i]) & 0x7fffffff;
    top = bits > top ? bits : top;
  }
  return asFloat(top);
}

/** Integers in the order of floats, which the compiler finds the largest of in vectors; its own inverse. */
INLINE int32_t ordered(int32_t bits) { return bits ^ (bits >> 31 & 0x7fffffff); }

INLINE float largestOf(const float *x, int32_t count) {
  int32_t top = INT32_MIN;
  for (int32_t i = 0; i < count; i++) {
    const int32_t order = ordered((int32_t)asBits(x[i]));
    top = order > top ? order : top;
  }
  return asFloat((uint32_t)ordered(top));
}

typedef float Four __attribute__((vector_size(16)));

INLINE Four fourOf(const float *x) {
  Four four;
  memcpy(&four, x, sizeof four);
  return four;
}

#endif
