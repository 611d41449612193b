/**
 * NEON with i8mm: an instruction multiplies two rows of weights with two rows of activations, eight columns at a time.
 * Weights are unsigned bytes in place, so that nothing is shifted. A single row is the work of the dot products.
 */
#include "plusminus.h"
#include <arm_neon.h>

enum { planes = 4, columnsAtOnce = 16 };

/** Of two packed rows and two rows of activations, [row of weights, row of activations] in each plane. */
typedef struct {
  int32x4_t plane[4];
} Square;

INLINE uint8x16_t lowHalves(uint8x16_t a, uint8x16_t b) {
  return vreinterpretq_u8_u64(vzip1q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
}

INLINE uint8x16_t highHalves(uint8x16_t a, uint8x16_t b) {
  return vreinterpretq_u8_u64(vzip2q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
}

INLINE void addHalves(Square *s, uint8x16_t weights, uint8x16_t activations) {
  const int8x16_t q = vreinterpretq_s8_u8(activations);
  s->plane[0] = vusmmlaq_s32(s->plane[0], vandq_u8(weights, vdupq_n_u8(0x03)), q);
  s->plane[1] = vusmmlaq_s32(s->plane[1], vandq_u8(weights, vdupq_n_u8(0x0c)), q);
  s->plane[2] = vusmmlaq_s32(s->plane[2], vandq_u8(weights, vdupq_n_u8(0x30)), q);
  s->plane[3] = vusmmlaq_s32(s->plane[3], vandq_u8(weights, vdupq_n_u8(0xc0)), q);
}

/** Packed rows a and b with rows p and q of activations, which may be the same. */
INLINE Square squareOf(const uint8_t *a, const uint8_t *b, const int8_t *p, const int8_t *q, int32_t columns) {
  Square s;
  for (int plane = 0; plane < planes; plane++) s.plane[plane] = vdupq_n_s32(0);
  for (int32_t k = 0; k < columns; k += columnsAtOnce) {
    const uint8x16_t wa = vld1q_u8(a + k), wb = vld1q_u8(b + k);
    const uint8x16_t xp = vld1q_u8((const uint8_t *)p + k), xq = vld1q_u8((const uint8_t *)q + k);
    addHalves(&s, lowHalves(wa, wb), lowHalves(xp, xq));
    addHalves(&s, highHalves(wa, wb), highHalves(xp, xq));
  }
  return s;
}

/** (Σ q·code − Σ q)·t/s of the four output rows of packed row r, whose sums are lane `lane` of each plane. */
INLINE void finish(uint8_t *memory, const Product *p, int32_t row, int32_t r, const Square *s, int lane) {
  const int32_t packed = (p->out + 3) >> 2;
  const float factor = *(const float *)(memory + p->scale) * ((const float *)(memory + p->step))[row];
  const int32_t sum = ((const int32_t *)(memory + p->sum))[row];
  float *y = (float *)(memory + p->y) + (size_t)row * p->out;
  for (int plane = 0; plane < planes; plane++) {
    int32_t lanes[4];
    vst1q_s32(lanes, s->plane[plane]);
    const int32_t out = r + plane * packed;
    if (out < p->out) y[out] = (float)((lanes[lane] >> 2 * plane) - sum) * factor;
  }
}

int ternaryI8mm(uint8_t *memory, const Product *p, int32_t piece, int32_t pieces) {
  if (p->rows < 2 || p->stride % columnsAtOnce != 0) return ternaryNeon(memory, p, piece, pieces);
  if (p->stride > longestRow) return 0;
  const int32_t packed = (p->out + 3) >> 2;
  const int32_t from = shareStart(packed, 1, piece, pieces), end = shareStart(packed, 1, piece + 1, pieces);
  const int8_t *q = (const int8_t *)(memory + p->q);
  for (int32_t r = from; r < end; r += 2) {
    const int32_t other = smaller(r + 1, end - 1);
    const uint8_t *codes = memory + p->codes;
    for (int32_t row = 0; row < p->rows; row += 2) {
      const int32_t next = smaller(row + 1, p->rows - 1);
      const Square s = squareOf(codes + (size_t)r * p->width, codes + (size_t)other * p->width,
                                q + (size_t)row * p->stride, q + (size_t)next * p->stride, p->stride);
      finish(memory, p, row, r, &s, 0);
      if (next != row) finish(memory, p, next, r, &s, 1);
      if (other == r) continue;
      finish(memory, p, row, other, &s, 2);
      if (next != row) finish(memory, p, next, other, &s, 3);
    }
  }
  return 1;
}
