/**
 * Operands of products with AMX as tiles of bf16. Each is read row by row, as it lies in memory: a column of it would
 * touch a page for each of its elements.
 */
#ifndef BFLOATS_H
#define BFLOATS_H

#include "tiles.h"

enum {
  /** Columns of A, and rows of B, in a tile. */
  depthOfTile = 32,
  /** Tiles of a block, one after the other in depth. */
  tilesDeep = 16,
  depthOfBlock = tilesDeep * depthOfTile,
  rowsOfBlock = 64,
  columnsOfBlock = 512,
  bytesOfBlockA = rowsOfBlock * depthOfBlock * 2,
  bytesOfBlockB = columnsOfBlock * depthOfBlock * 2,
  /** Rows from one that is packed to the one that is fetched. */
  rowsAhead = 8
};

INLINE __mmask16 firstOf(int32_t count) { return (__mmask16)(count >= 16 ? 0xffff : count <= 0 ? 0 : (1 << count) - 1); }

/** Sixteen words, each a pair of bf16: the nearest of `even` in the lower half, of `odd` in the upper. */
INLINE __m512i pairOf(__m512 even, __m512 odd) {
  const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(odd, even);
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                         5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, both);
}

/** Rows of floats or int8, `stride` elements apart. Row k counts `factors[k]` times; without factors, `factor` times. */
typedef struct {
  const uint8_t *start;
  size_t stride;
  int isInt8;
  const float *factors;
  float factor;
  int32_t count;
} Rows;

/** Elements [n, n + 16) of row k; zeros where `there` is not set, and past the last row. */
INLINE __m512 sixteenOf(Rows rows, int32_t k, int32_t n, __mmask16 there) {
  if (k >= rows.count) return _mm512_setzero_ps();
  const size_t at = (size_t)k * rows.stride + (size_t)n;
  const __m512 x = rows.isInt8
                       ? _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(there, rows.start + at)))
                       : _mm512_maskz_loadu_ps(there, (const float *)rows.start + at);
  return _mm512_mul_ps(x, _mm512_set1_ps(rows.factors ? rows.factors[k] : rows.factor));
}

/** The processor's own prefetching ends with a row. */
INLINE void fetchAhead(Rows rows, int32_t k, int32_t n) {
  if (rows.isInt8) return;
  const float *x = (const float *)rows.start + (size_t)(k + rowsAhead) * rows.stride + (size_t)n;
  _mm_prefetch((const char *)x, _MM_HINT_T0);
  _mm_prefetch((const char *)(x + rows.stride), _MM_HINT_T0);
}

/** Where rows k and k + 1 of columns [column, column + 16) of a block of B go, both counted from its start. */
INLINE uint8_t *pairIn(uint8_t *b, int32_t k, int32_t column) {
  return b + ((size_t)(column / 16 * tilesDeep) * 16 + (size_t)(k / 2)) * 64;
}

/** Rows [k, k + depth) and columns [n, n + columns). */
static void packPairs(Rows rows, uint8_t *to, int32_t k, int32_t depth, int32_t n, int32_t columns) {
  for (int32_t i = 0; i < depth; i += 2) {
    for (int32_t column = 0; column < columns; column += 16) {
      fetchAhead(rows, k + i, n + column);
      const __mmask16 there = firstOf(columns - column);
      const __m512 even = sixteenOf(rows, k + i, n + column, there), odd = sixteenOf(rows, k + i + 1, n + column, there);
      _mm512_store_si512(pairIn(to, i, column), pairOf(even, odd));
    }
  }
}

/** Sixteen codes of a plane from its column n on; those of zeros where `there` is not set. */
INLINE __m512i codesOf(const uint8_t *packed, int plane, int32_t n, __mmask16 there) {
  const __m512i codes = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(there, packed + n));
  const __m512i own = _mm512_and_si512(_mm512_srl_epi32(codes, _mm_cvtsi32_si128(2 * plane)), _mm512_set1_epi32(3));
  return _mm512_mask_blend_epi32(there, _mm512_set1_epi32(1), own);
}

/** The same of packed ternary weights of shape [count, ..], whose rows are `stride` bytes long. */
static void packTernary(const uint8_t *codes, int32_t count, size_t stride, uint8_t *to, int32_t k, int32_t depth, int32_t n,
                        int32_t columns) {
  const int32_t packed = (count + 3) >> 2;
  // −1, 0 and 1 in bf16, by code.
  const __m512i values = _mm512_set1_epi64(0x00003f800000bf80);
  for (int32_t i = 0; i < depth; i += 2) {
    const int32_t row = k + i, plane = row / packed, planeOfNext = (row + 1) / packed;
    const uint8_t *even = codes + (size_t)(row - plane * packed) * stride;
    const uint8_t *odd = codes + (size_t)(row + 1 - planeOfNext * packed) * stride;
    for (int32_t column = 0; column < columns; column += 16) {
      const __mmask16 there = firstOf(columns - column);
      const __m512i low = codesOf(even, plane, n + column, row < count ? there : 0);
      const __m512i high = codesOf(odd, planeOfNext, n + column, row + 1 < count ? there : 0);
      const __m512i pairs = _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
      _mm512_store_si512(pairIn(to, i, column), _mm512_permutexvar_epi16(pairs, values));
    }
  }
}

/** 16 rows of floats, `count` of them there, from a column on behind which there are `left`, as a tile of A. */
INLINE void packRows(const float *a, size_t stride, float factor, uint8_t *to, int32_t count, int32_t left) {
  const __m512 factors = _mm512_set1_ps(factor);
  const __mmask16 first = firstOf(left), second = firstOf(left - 16);
  for (int32_t i = 0; i < 16; i++, a += stride) {
    const __m512 x = _mm512_maskz_loadu_ps(i < count ? first : 0, a), y = _mm512_maskz_loadu_ps(i < count ? second : 0, a + 16);
    _mm512_store_si512(to + 64 * i, (__m512i)_mm512_cvtne2ps_pbh(_mm512_mul_ps(y, factors), _mm512_mul_ps(x, factors)));
  }
}

/** Columns [n, n + 16) of rows [k, k + 32), turned to a tile of A. */
INLINE void packColumns(Rows rows, uint8_t *to, int32_t k, int32_t n, __mmask16 there) {
  __m512i pairs[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++)
    pairs[i] = pairOf(sixteenOf(rows, k + 2 * i, n, there), sixteenOf(rows, k + 2 * i + 1, n, there));
  transpose(pairs);
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) _mm512_store_si512(to + 64 * i, pairs[i]);
}

/** Where the sums of a square of four tiles begin, NULL for 0, and where they go. */
typedef struct {
  const float *from;
  float *to;
  size_t stride;
} Square;

/** Two rows of tiles of A times two columns of tiles of B. */
INLINE void multiplyTiles(const uint8_t *a, const uint8_t *b, int32_t tiles, Square s) {
  const size_t next = (size_t)tilesDeep * bytesOfTile, bytes = s.stride * sizeof(float);
  // What is stored at the end is fetched before the products, which take longer.
  for (int row = 0; row < 32; row++) {
    __builtin_prefetch(s.to + (size_t)row * s.stride, 1);
    __builtin_prefetch(s.to + (size_t)row * s.stride + 16, 1);
  }
  if (s.from) {
    _tile_loadd(0, s.from, bytes);
    _tile_loadd(1, s.from + 16, bytes);
    _tile_loadd(2, s.from + 16 * s.stride, bytes);
    _tile_loadd(3, s.from + 16 * s.stride + 16, bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (; tiles > 0; tiles--, a += bytesOfTile, b += bytesOfTile) {
    _tile_loadd(4, a, 64);
    _tile_loadd(6, b, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, b + next, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, a + next, 64);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, s.to, bytes);
  _tile_stored(1, s.to + 16, bytes);
  _tile_stored(2, s.to + 16 * s.stride, bytes);
  _tile_stored(3, s.to + 16 * s.stride + 16, bytes);
}

#endif
