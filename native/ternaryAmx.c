/**
 * AMX: tiles of 16 rows of activations by 16 output rows. Sixteen packed rows become four tiles of weights, one for each
 * of their planes: a transposition of words of four codes, and a mask.
 */
#include "tiles.h"

enum {
  /** Fewer rows are read with AVX-512 VNNI as fast. */
  minRows = 8,
  /** Up to this many, weights are not transposed: see ternaryAmxFew.c. */
  maxFewRows = 32,
  tileRows = 16,
  /** Of tiles of weights that rows of activations meet one after the other; they stay in the second-level cache. */
  bytesTogether = 256 * 1024,
  /** Outputs of short rows come so fast that they are written past the caches, where they are many. */
  longestStreamed = 768,
  fewestStreamed = 2 << 20
};

/** Packed rows [r, r + 16) as tiles [columns / 64][4 planes]; columns past the width, and rows past `packed`, are 0. */
static void unpack(const uint8_t *codes, const Product *p, int32_t r, int32_t packed, uint8_t *tiles) {
  const __m512i mask = _mm512_set1_epi8(3);
  for (int32_t k = 0; k < p->width; k += 64) {
    const int32_t left = smaller(p->width - k, 64);
    const __mmask64 columns = left == 64 ? ~(__mmask64)0 : ((__mmask64)1 << left) - 1;
    __m512i rows[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
      const __mmask64 there = r + i < packed ? columns : 0;
      rows[i] = _mm512_maskz_loadu_epi8(there, codes + (size_t)(r + i) * p->width + k);
    }
    transpose(rows);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
      uint8_t *to = tiles + i * 64;
      _mm512_store_si512(to, _mm512_and_si512(rows[i], mask));
      _mm512_store_si512(to + bytesOfTile, _mm512_and_si512(_mm512_srli_epi16(rows[i], 2), mask));
      _mm512_store_si512(to + 2 * bytesOfTile, _mm512_and_si512(_mm512_srli_epi16(rows[i], 4), mask));
      _mm512_store_si512(to + 3 * bytesOfTile, _mm512_and_si512(_mm512_srli_epi16(rows[i], 6), mask));
    }
    tiles += 4 * bytesOfTile;
  }
}

/** (Σ q·code − Σ q)·t/s of a tile: rows [row, row + 16) by the output rows of packed rows [r, r + 16) in a plane. */
INLINE void finishTile(uint8_t *memory, const Product *p, int isStreamed, const int32_t *sums, int32_t row, int32_t r,
                       int plane) {
  const int32_t packed = (p->out + 3) >> 2, first = r + plane * packed;
  const int32_t outs = smaller(smaller(packed - r, p->out - first), 16);
  if (outs <= 0) return;
  const __mmask16 there = (__mmask16)((1u << outs) - 1);
  const float scale = *(const float *)(memory + p->scale);
  const int32_t rows = smaller(p->rows - row, 16);
  for (int32_t i = 0; i < rows; i++) {
    const float factor = scale * ((const float *)(memory + p->step))[row + i];
    const __m512i own = _mm512_set1_epi32(((const int32_t *)(memory + p->sum))[row + i]);
    const __m512 values = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_load_si512(sums + 16 * i), own));
    float *y = (float *)(memory + p->y) + (size_t)(row + i) * p->out + first;
    const __m512 outputs = _mm512_mul_ps(values, _mm512_set1_ps(factor));
    if (isStreamed) _mm512_stream_ps(y, outputs);
    else _mm512_mask_storeu_ps(y, there, outputs);
  }
}

/** Lines of outputs that are written when their sums are complete: two of each row; rows are `stride` bytes apart. */
typedef struct {
  const uint8_t *first, *second;
  size_t stride;
} Target;

/** Fetches, in each of `steps` steps, its share of 32 rows: all at once would keep tiles from being loaded. */
INLINE void fetchShare(Target *target, size_t *due, size_t steps) {
  for (*due += 2 * tileRows; *due >= steps; *due -= steps) {
    __builtin_prefetch(target->first, 1);
    __builtin_prefetch(target->second, 1);
    target->first += target->stride;
    target->second += target->stride;
  }
}

/** 32 rows of activations, `stride` bytes apart, by two planes of 16 packed rows. */
static void fourTiles(const int8_t *q, size_t stride, size_t columns, const uint8_t *tiles, int32_t *sums, Target target) {
  size_t due = 0;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (size_t k = 0; k < columns; k += 64) {
    if (target.first) fetchShare(&target, &due, columns / 64);
    _tile_loadd(4, q + k, stride);
    _tile_loadd(5, q + tileRows * stride + k, stride);
    _tile_loadd(6, tiles, 64);
    _tile_loadd(7, tiles + bytesOfTile, 64);
    _tile_dpbsud(0, 4, 6);
    _tile_dpbsud(1, 4, 7);
    _tile_dpbsud(2, 5, 6);
    _tile_dpbsud(3, 5, 7);
    tiles += 4 * bytesOfTile;
  }
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + 256, 64);
  _tile_stored(2, sums + 512, 64);
  _tile_stored(3, sums + 768, 64);
}

/** The same with 16 rows of activations. */
static void twoTiles(const int8_t *q, size_t stride, size_t columns, const uint8_t *tiles, int32_t *sums) {
  _tile_zero(0);
  _tile_zero(1);
  for (size_t k = 0; k < columns; k += 64) {
    _tile_loadd(4, q + k, stride);
    _tile_loadd(6, tiles, 64);
    _tile_loadd(7, tiles + bytesOfTile, 64);
    _tile_dpbsud(0, 4, 6);
    _tile_dpbsud(1, 4, 7);
    tiles += 4 * bytesOfTile;
  }
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + 256, 64);
}

/** What all tiles of a product share. Rows of activations past the last whole 32 are copied to `rest`. */
typedef struct {
  const Product *p;
  int32_t whole;
  size_t columns;
  int8_t *rest;
  int32_t *sums;
  int isStreamed;
} Work;

/** Whether outputs are written past the caches: lines of them must belong to one tile. */
static int writesPastCaches(const Product *p) {
  const size_t bytes = (size_t)p->rows * (size_t)p->out * sizeof(float);
  return p->width <= longestStreamed && bytes >= fewestStreamed && p->out % 64 == 0 && p->y % 64 == 0;
}

/** What two planes of packed row r write from `row` on; nothing if it does not go through the caches. */
INLINE Target targetOf(const uint8_t *memory, Work w, int32_t row, int32_t r, int plane) {
  if (w.isStreamed) return (Target){NULL, NULL, 0};
  const size_t packed = (size_t)((w.p->out + 3) >> 2), out = (size_t)w.p->out;
  const float *y = (const float *)(memory + w.p->y) + (size_t)row * out + (size_t)r + (size_t)plane * packed;
  return (Target){(const uint8_t *)y, (const uint8_t *)(y + packed), out * sizeof(float)};
}

/** Rows [row, row + 32) of activations with packed rows [r, r + 16). */
static void square(uint8_t *memory, Work w, int32_t row, int32_t r, const uint8_t *tiles) {
  const Product *p = w.p;
  const int isWhole = row < w.whole, isFew = p->rows - row <= tileRows;
  const int8_t *x = isWhole ? (const int8_t *)(memory + p->q) + (size_t)row * p->stride : w.rest;
  const size_t stride = isWhole ? (size_t)p->stride : w.columns;
  for (int plane = 0; plane < 4; plane += 2) {
    const uint8_t *weights = tiles + plane * bytesOfTile;
    if (isFew) twoTiles(x, stride, w.columns, weights, w.sums);
    else fourTiles(x, stride, w.columns, weights, w.sums, targetOf(memory, w, row, r, plane));
    finishTile(memory, p, w.isStreamed, w.sums, row, r, plane);
    finishTile(memory, p, w.isStreamed, w.sums + 256, row, r, plane + 1);
    if (isFew) continue;
    finishTile(memory, p, w.isStreamed, w.sums + 512, row + 16, r, plane);
    finishTile(memory, p, w.isStreamed, w.sums + 768, row + 16, r, plane + 1);
  }
}

/** Tiles are whole: behind the last rows there may be no memory. */
static void copyRest(uint8_t *memory, Work w) {
  const Product *p = w.p;
  if (p->rows == w.whole) return;
  memset(w.rest, 0, 32 * w.columns);
  for (int32_t row = w.whole; row < p->rows; row++)
    memcpy(w.rest + (row - w.whole) * w.columns, memory + p->q + (size_t)row * p->stride, (size_t)p->stride);
}

int ternaryAmx(uint8_t *memory, const Product *p, int32_t piece, int32_t pieces) {
  if (p->rows < minRows) return ternaryAvx512(memory, p, piece, pieces);
  if (p->rows <= maxFewRows) return ternaryAmxFew(memory, p, piece, pieces);
  const int32_t packed = (p->out + 3) >> 2;
  const int32_t from = shareStart(packed, 16, piece, pieces), end = shareStart(packed, 16, piece + 1, pieces);
  if (from == end) return 1;
  const size_t columns = ((size_t)p->width + 63) & ~(size_t)63, bytes = 64 * columns;
  const int32_t together = bytes < bytesTogether ? (int32_t)(bytesTogether / bytes) : 1;
  uint8_t *tiles = scratch(together * bytes + 32 * columns + 4 * bytesOfTile);
  if (p->stride > longestRow || !tiles) return 0;
  int8_t *rest = (int8_t *)tiles + together * bytes;
  const Work w = {p, p->rows & ~31, columns, rest, (int32_t *)(rest + 32 * columns), writesPastCaches(p)};
  copyRest(memory, w);
  configureTiles();
  // Rows of outputs lie pages apart: each is written on over several packed rows before the next.
  for (int32_t first = from; first < end; first += 16 * together) {
    const int32_t last = smaller(first + 16 * together, end);
    for (int32_t r = first; r < last; r += 16)
      unpack(memory + p->codes, p, r, packed, tiles + (size_t)((r - first) / 16) * bytes);
    for (int32_t row = 0; row < p->rows; row += 32)
      for (int32_t r = first; r < last; r += 16)
        square(memory, w, row, r, tiles + (size_t)((r - first) / 16) * bytes);
  }
  if (w.isStreamed) _mm_sfence();
  _tile_release();
  return 1;
}
