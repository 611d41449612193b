/** Activations to int8 in blocks of 32 inputs, as src/ops/groupedLinear/rounding.as.ts rounds them, with its bits. */
#ifndef ROUNDING_H
#define ROUNDING_H

#include "floats.h"

enum { roundedBlock = 32, largestCode = 127, mostUnits = 4095 };

/** Where a rounded row goes: fours of columns `apart` bytes from one another, groups of weights `next` bytes. */
typedef struct {
  int8_t *q;
  size_t apart, next;
  uint32_t *units;
  int32_t *sums;
  float *unit;
} RoundedRow;

/** round(x / step), halves to even, of the columns of a block; a quotient that is not a number becomes 0. */
INLINE void codesOf(const float *x, int32_t count, float step, int8_t *codes) {
  for (int32_t i = 0; i < count; i++) {
    const float code = rintf(x[i] / step);
    codes[i] = (int8_t)(code == code ? (int32_t)code : 0);
  }
}

/** `count` codes from column c on, all of one group. */
INLINE void placeCodes(const int8_t *codes, int32_t c, int32_t count, int32_t group, int32_t m, RoundedRow to) {
  int8_t *q = to.q + (size_t)(c / group) * to.next + (size_t)(c % group / 4) * to.apart;
  int32_t sum = 0;
  for (int32_t i = 0; i < count; i++) sum += codes[i];
  for (int32_t i = 0; i < count; i += 4) memcpy(q + (size_t)(i / 4) * to.apart, codes + i, 4);
  to.sums[c / group] += m * sum;
}

/** A block from column c on. */
INLINE void roundBlock(const float *x, int32_t c, int32_t count, int32_t group, float one, RoundedRow to) {
  const float found = floorf(largestSize(x + c, count) / (largestCode * one)) + 1, m = found > mostUnits ? mostUnits : found;
  const uint32_t units = m == m ? (uint32_t)m : 0;
  to.units[c / roundedBlock] = units | units << 16;
  int8_t codes[roundedBlock];
  codesOf(x + c, count, m * one, codes);
  const int32_t taken = smaller(group, count);
  for (int32_t i = 0; i < count; i += taken) placeCodes(codes + i, c + i, taken, group, (int32_t)units, to);
}

/** One row, whose width is a multiple of 16. */
static void roundRow(const float *x, int32_t width, int32_t group, RoundedRow to) {
  const float most = largestSize(x, width), one = (most < 1e-30f ? 1e-30f : most) / (float)(largestCode * mostUnits);
  *to.unit = one;
  memset(to.sums, 0, sizeof(int32_t) * (size_t)(width / group));
  int32_t c = 0;
  for (; c + roundedBlock <= width; c += roundedBlock) roundBlock(x, c, roundedBlock, group, one, to);
  if (c < width) roundBlock(x, c, width - c, group, one, to);
}

#endif
