/** AVX-512 VNNI: dot products of whole bytes, 512 bits at a time. */
#include "x86.h"

INLINE __m128i quarter(__m512i v) {
  return half(_mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1)));
}

#define NAME ternaryAvx512
#define VECTOR __m512i
#define BYTES 64
#define SUMS __m512i
#define ZERO _mm512_setzero_si512()
#define LOAD(p) _mm512_loadu_si512(p)
#define PLANE(w, mask) _mm512_and_si512(w, _mm512_set1_epi8(mask))
#define DOT(sums, w, q) _mm512_dpbusd_epi32(sums, w, q)
#define LAST(w) (w)
#define UPPER(s0, s1, s2, s) (((s) - (s0) - (s1) - (s2)) >> 6)
#define FOLD(a, b, c, d, to) foldHalves(quarter(a), quarter(b), quarter(c), quarter(d), to)
#define TOKENS 8
#define FEWEST_TOKENS 4
#define LOW_INTS(a, b) _mm512_unpacklo_epi32(a, b)
#define HIGH_INTS(a, b) _mm512_unpackhi_epi32(a, b)
#define LOW_PAIRS(a, b) _mm512_unpacklo_epi64(a, b)
#define HIGH_PAIRS(a, b) _mm512_unpackhi_epi64(a, b)
#define PREFETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T1)
#include "ternary.inc"

/** Packed rows, times vectors of rows of activations, whose sums the registers hold. */
enum { sumsAtOnce = 4 };

/**
 * Four rows of activations as vectors, `apart` bytes from one another: sixteen columns of each row, then the next sixteen.
 * A vector that meets sixteen columns of a packed row has four sums of lanes to add for each of its rows in the end,
 * where vectors of 64 columns have sixteen.
 */
static void interleave(const int8_t *q, size_t stride, size_t apart, int8_t *to) {
  for (size_t at = 0; at < stride; at += 16, to += apart)
    for (int t = 0; t < together; t++) memcpy(to + 16 * t, q + (size_t)t * stride + at, 16);
}

/** `R` packed rows, `width` bytes apart, with `V` vectors of rows of activations: planes of the first row, then of the next. */
INLINE void block(const int R, const int V, const uint8_t *codes, size_t width, const int8_t *q, size_t stride,
                  Planes planes[]) {
#pragma GCC unroll 4
  for (int i = 0; i < R * V; i++) clear(&planes[i]);
  for (size_t at = 0; at < stride; at += 16, q += V * BYTES) {
#pragma GCC unroll 4
    for (int i = 0; i < R; i++) {
      const uint8_t *own = codes + (size_t)i * width + at;
      if (at % 64 == 0) PREFETCH(own + ahead);
      const __m512i w = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)own));
      const __m512i w0 = PLANE(w, 0x03), w1 = PLANE(w, 0x0c), w2 = PLANE(w, 0x30);
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) step(&planes[i * V + v], w0, w1, w2, LAST(w), LOAD(q + v * BYTES));
    }
  }
}

/** In each quarter, the sums of the lanes of each plane: neighbours are transposed while they are added. */
INLINE __m512i sumsOfLanes(const __m512i *v) {
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
  return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

/** Rows of activations as vectors. A thread keeps them for the pieces of a phase. */
typedef struct {
  Block block;
  int32_t phase;
  Address q;
  int32_t row, count, stride;
} Interleaved;

enum { keptRows = 32 };

/** NULL: no memory. */
static const int8_t *interleaved(const uint8_t *memory, const Product *p, int32_t row, int32_t count) {
  static _Thread_local Interleaved kept[keptRows];
  Interleaved *own = &kept[(p->q / 64 + (uint32_t)row / FEWEST_TOKENS) % keptRows];
  const size_t stride = (size_t)p->stride, bytes = (size_t)count * stride;
  const int isKept = own->block.size >= bytes && own->phase == currentPhase() && own->q == p->q && own->row == row &&
                     own->count == count && own->stride == p->stride;
  int8_t *vectorsOf = roomIn(&own->block, bytes);
  if (isKept || !vectorsOf) return vectorsOf;
  const int V = count / together;
  for (int v = 0; v < V; v++)
    interleave((const int8_t *)(memory + p->q) + (size_t)(row + v * together) * stride, stride, (size_t)V * BYTES,
               vectorsOf + v * BYTES);
  *own = (Interleaved){own->block, currentPhase(), p->q, row, count, p->stride};
  return vectorsOf;
}

INLINE void withVectors(const int V, uint8_t *memory, const Product *p, int32_t row, int32_t from, int32_t end,
                        const int8_t *q, const Scale scales[]) {
  const int R = sumsAtOnce / V;
  int32_t r = from;
  for (; r + 4 <= end; r += 4) {
    SUMS sums[vectors][4];
    for (int i = 0; i < 4; i += R) {
      Planes planes[sumsAtOnce];
      block(R, V, memory + p->codes + (size_t)(r + i) * p->width, p->width, q, p->stride, planes);
#pragma GCC unroll 4
      for (int k = 0; k < R * V; k++) sums[k % V][i + k / V] = sumsOfLanes(planes[k].plane);
    }
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) finishVectors(memory, p, row + v * together, r, sums[v], &scales[v]);
  }
  for (; r < end; r++) {
    Planes planes[vectors];
    block(1, V, memory + p->codes + (size_t)r * p->width, p->width, q, p->stride, planes);
    for (int v = 0; v < V; v++) {
      int32_t all[4 * together];
      _mm512_storeu_si512(all, sumsOfLanes(planes[v].plane));
      for (int t = 0; t < together; t++) finish(memory, p, row + v * together + t, r, all + 4 * t);
    }
  }
}

static int someRows(uint8_t *memory, const Product *p, int32_t row, int32_t count, int32_t from, int32_t end) {
  const int8_t *q = interleaved(memory, p, row, count);
  if (!q) return 0;
  // They lie in memory: in registers they would displace sums.
  Scale scales[vectors];
  const int V = count / together;
  for (int v = 0; v < V; v++) scales[v] = scaleOf(memory, p, row + v * together);
  if (V == vectors) withVectors(vectors, memory, p, row, from, end, q, scales);
  else withVectors(1, memory, p, row, from, end, q, scales);
  return 1;
}
