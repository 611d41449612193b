/**
 * AMX: tiles of 16 rows of activations by 16 output rows. Sixteen packed rows become four tiles of weights, one for each
 * of their planes: a transposition of words of four codes, and a mask. Tiles of a stretch of columns stay in the
 * first-level cache for all activations; sums wait in memory meanwhile. A single row is the work of AVX-512 VNNI.
 */
#include "tiles.h"

enum {
  /** From this many rows of activations on, tiles pay, half empty as they may be. */
  fewestRows = 8,
  tileRows = 16,
  planes = 4,
#ifdef STRETCH
  stretch = STRETCH,
#else
  /** Columns whose tiles of weights take 32 KB. */
  stretch = 512,
#endif
};

/** Packed rows [r, r + 16) as tiles [columns / 64][4 planes]; columns past the width, and rows past `packed`, are 0. */
static void unpack(const uint8_t *codes, const Product *p, int32_t r, int32_t packed, int32_t from, int32_t end,
                   uint8_t *tiles) {
  const __m512i mask = _mm512_set1_epi8(3);
  for (int32_t k = from; k < end; k += 64) {
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
    tiles += planes * bytesOfTile;
  }
}

/** (Σ q·code − Σ q)·t/s of a tile: rows [row, row + 16) by the output rows of packed rows [r, r + 16) in a plane. */
static void finishTile(uint8_t *memory, const Product *p, const int32_t *sums, int32_t row, int32_t r, int plane) {
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
    _mm512_mask_storeu_ps(y, there, _mm512_mul_ps(values, _mm512_set1_ps(factor)));
  }
}

/** 16 rows of activations, `stride` bytes apart, by the planes of 16 packed rows; adds to `sums` unless these are new. */
static void fourTiles(const int8_t *q, size_t stride, int32_t columns, const uint8_t *tiles, int32_t *sums, int isNew) {
  if (isNew) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, sums, 64);
    _tile_loadd(1, sums + 256, 64);
    _tile_loadd(2, sums + 512, 64);
    _tile_loadd(3, sums + 768, 64);
  }
  for (int32_t k = 0; k < columns; k += 64, tiles += planes * bytesOfTile) {
    _tile_loadd(4, q + k, stride);
    _tile_loadd(5, tiles, 64);
    _tile_dpbsud(0, 4, 5);
    _tile_loadd(6, tiles + bytesOfTile, 64);
    _tile_dpbsud(1, 4, 6);
    _tile_loadd(7, tiles + 2 * bytesOfTile, 64);
    _tile_dpbsud(2, 4, 7);
    _tile_loadd(5, tiles + 3 * bytesOfTile, 64);
    _tile_dpbsud(3, 4, 5);
  }
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + 256, 64);
  _tile_stored(2, sums + 512, 64);
  _tile_stored(3, sums + 768, 64);
}

/** Rows of activations, of which the last are copied to where 16 of them are whole. */
typedef struct {
  const int8_t *q, *rest;
  /** Rows before `rest`. */
  int32_t whole;
  size_t stride, restStride;
} Activations;

/** Sixteen packed rows from `r` on with all activations. */
static void packedRows(uint8_t *memory, const Product *p, int32_t r, Activations x, uint8_t *tiles, int32_t *sums) {
  const int32_t packed = (p->out + 3) >> 2;
  for (int32_t k = 0; k < p->width; k += stretch) {
    const int32_t columns = smaller(stretch, p->width - k);
    unpack(memory + p->codes, p, r, packed, k, k + columns, tiles);
    for (int32_t row = 0; row < p->rows; row += tileRows) {
      const int isWhole = row < x.whole;
      const int8_t *q = isWhole ? x.q + (size_t)row * x.stride : x.rest;
      int32_t *own = sums + (size_t)row * planes * 16;
      fourTiles(q + k, isWhole ? x.stride : x.restStride, columns, tiles, own, k == 0);
      if (k + columns < p->width) continue;
      for (int plane = 0; plane < planes; plane++) finishTile(memory, p, own + 256 * plane, row, r, plane);
    }
  }
}

int ternaryAmx(uint8_t *memory, const Product *p, int32_t piece, int32_t pieces) {
  if (p->rows < fewestRows) return ternaryAvx512(memory, p, piece, pieces);
  const int32_t packed = (p->out + 3) >> 2;
  const int32_t from = shareStart(packed, 16, piece, pieces), end = shareStart(packed, 16, piece + 1, pieces);
  if (from == end) return 1;
  const size_t columns = ((size_t)p->width + 63) & ~(size_t)63;
  const int32_t whole = p->rows & ~15;
  const size_t tileBytes = stretch / 64 * planes * bytesOfTile;
  const size_t restBytes = p->rows > whole ? tileRows * columns : 0;
  const size_t sumBytes = (size_t)(p->rows + 15) / 16 * planes * bytesOfTile;
  uint8_t *tiles = scratch(tileBytes + restBytes + sumBytes);
  if (p->stride > longestRow || !tiles) return 0;
  int8_t *rest = (int8_t *)tiles + tileBytes;
  const int8_t *q = (const int8_t *)(memory + p->q);
  if (restBytes > 0) {
    // Tiles are whole: behind the last rows there may be no memory.
    memset(rest, 0, restBytes);
    for (int32_t row = whole; row < p->rows; row++)
      memcpy(rest + (row - whole) * columns, q + (size_t)row * p->stride, (size_t)p->stride);
  }
  const Activations x = {q, rest, whole, (size_t)p->stride, columns};
  configureTiles();
  for (int32_t r = from; r < end; r += 16) packedRows(memory, p, r, x, tiles, (int32_t *)(rest + restBytes));
  _tile_release();
  return 1;
}
