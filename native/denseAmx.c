/**
 * Products of the backward pass with AMX: tiles of bf16, summed in f32. Gradients are rounded to bf16, as is usual in
 * training; ternary weights and int8 codes are bf16 without rounding. The products of a forward pass, whose matrices lie
 * along K, are those of AVX-512: they keep all bits.
 */
#include "tiles.h"

enum {
  depthOfBlock = 256,
  columnsOfBlock = 512,
  rowsOfBlock = 64,
  depthOfTile = 32,
  tilesDeep = depthOfBlock / depthOfTile,
  /** Below this many operations, AVX-512 is as fast. */
  fewestOperations = 1 << 16
};

/** Sixteen words, each a pair of bf16: the nearest of `even` in the lower half, of `odd` in the upper. */
INLINE __m512i pairOf(__m512 even, __m512 odd) {
  const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(odd, even);
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                         5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, both);
}

INLINE __mmask16 firstOf(int32_t count) { return (__mmask16)(count >= 16 ? 0xffff : count <= 0 ? 0 : (1 << count) - 1); }

/** Sixteen elements of row k of B, from column n on; zeros where there are none. */
INLINE __m512 rowOfB(const uint8_t *memory, const Gemm *g, int32_t k, int32_t n, int32_t end) {
  if (k >= g->K) return _mm512_setzero_ps();
  const __mmask16 there = firstOf(end - n);
  const uint8_t *b = memory + g->b;
  if (g->kind == denseFloats) return _mm512_maskz_loadu_ps(there, (const float *)b + (size_t)k * g->ldb + n);
  if (g->kind == denseInt8) {
    const __m128i codes = _mm_maskz_loadu_epi8(there, b + (size_t)k * g->ldb + n);
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes));
  }
  const int32_t packed = (g->K + 3) >> 2, plane = k / packed;
  const __m128i bytes = _mm_maskz_loadu_epi8(there, b + (size_t)(k - plane * packed) * g->ldb + n);
  const __m512i codes = _mm512_srl_epi32(_mm512_cvtepu8_epi32(bytes), _mm_cvtsi32_si128(2 * plane));
  const __m512i values = _mm512_sub_epi32(_mm512_and_si512(codes, _mm512_set1_epi32(3)), _mm512_set1_epi32(1));
  return _mm512_maskz_cvtepi32_ps(there, values);
}

/** Rows [k, k + depthOfBlock) and columns [from, end) of B, in tiles of 16 columns by 16 pairs of rows. */
static void packB(const uint8_t *memory, const Gemm *g, uint8_t *to, int32_t k, int32_t from, int32_t end) {
  for (int32_t pair = 0; pair < depthOfBlock / 2; pair++) {
    const int32_t row = k + 2 * pair;
    for (int32_t n = from; n < end; n += 16) {
      const size_t tile = (size_t)((n - from) / 16) * tilesDeep + pair / 16;
      const __m512i words = pairOf(rowOfB(memory, g, row, n, end), rowOfB(memory, g, row + 1, n, end));
      _mm512_store_si512(to + tile * bytesOfTile + 64 * (pair % 16), words);
    }
  }
}

/** Where A lies, and what its columns are multiplied by, or NULL. */
typedef struct {
  const float *a, *scales;
  int32_t strideM, strideK, K;
} Source;

/** Sixteen elements of column k of A, whose rows are neighbours. */
INLINE __m512 columnOfA(Source s, const float *a, int32_t k, __mmask16 there) {
  if (k >= s.K) return _mm512_setzero_ps();
  const __m512 x = _mm512_maskz_loadu_ps(there, a + (size_t)k * s.strideK);
  return s.scales ? _mm512_mul_ps(x, _mm512_set1_ps(s.scales[k])) : x;
}

/** A tile of A whose rows are neighbours in memory: pairs of columns, transposed. */
static void packTransposed(Source s, uint8_t *to, int32_t m, int32_t rows, int32_t k) {
  __m512i pairs[16];
  const float *a = s.a + (size_t)m * s.strideM;
  const __mmask16 there = firstOf(rows);
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++)
    pairs[i] = pairOf(columnOfA(s, a, k + 2 * i, there), columnOfA(s, a, k + 2 * i + 1, there));
  transpose(pairs);
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) _mm512_store_si512(to + 64 * i, pairs[i]);
}

/** A tile of A whose columns are neighbours in memory. */
static void packRows(Source s, uint8_t *to, int32_t m, int32_t rows, int32_t k) {
  const __mmask16 first = firstOf(s.K - k), second = firstOf(s.K - k - 16);
  for (int32_t i = 0; i < 16; i++) {
    const float *a = s.a + (size_t)(m + i) * s.strideM + k;
    __m512 x = _mm512_maskz_loadu_ps(i < rows ? first : 0, a);
    __m512 y = _mm512_maskz_loadu_ps(i < rows ? second : 0, a + 16);
    if (s.scales) {
      x = _mm512_mul_ps(x, _mm512_maskz_loadu_ps(first, s.scales + k));
      y = _mm512_mul_ps(y, _mm512_maskz_loadu_ps(second, s.scales + k + 16));
    }
    _mm512_store_si512(to + 64 * i, (__m512i)_mm512_cvtne2ps_pbh(y, x));
  }
}

/** Rows [m, m + rows) of A. */
static void packA(Source s, uint8_t *to, int32_t m, int32_t rows, int32_t k) {
  for (int32_t i = 0; i < rows; i += 16) {
    for (int32_t tile = 0; tile < tilesDeep; tile++, to += bytesOfTile) {
      const int32_t there = smaller(16, rows - i), depth = k + tile * depthOfTile;
      if (s.strideK == 1) packRows(s, to, m + i, there, depth);
      else packTransposed(s, to, m + i, there, depth);
    }
  }
}

/** Two rows of tiles of A times two columns of tiles of B. */
static void multiplyTiles(const uint8_t *a, const uint8_t *b, int32_t tiles, float *sums) {
  const size_t next = (size_t)tilesDeep * bytesOfTile;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
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
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + 256, 64);
  _tile_stored(2, sums + 512, 64);
  _tile_stored(3, sums + 768, 64);
}

/** C = alpha · sums + before, of a tile. */
static void storeTile(const float *sums, float *c, const float *before, const Gemm *g, float alpha, int32_t rows,
                      int32_t columns) {
  const __mmask16 there = firstOf(columns);
  for (int32_t i = 0; i < rows; i++) {
    const size_t at = (size_t)i * g->ldc;
    __m512 value = _mm512_mul_ps(_mm512_load_ps(sums + 16 * i), _mm512_set1_ps(alpha));
    if (before) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(there, before + at));
    _mm512_mask_storeu_ps(c + at, there, value);
  }
}

/** Rows [m, m + rows) and columns [n, n + columns) of C, 32 by 32 at most, from the sums of their tiles. */
static void storeSquare(uint8_t *memory, const Gemm *g, const float *sums, int isFirst, int32_t m, int32_t rows, int32_t n,
                        int32_t columns) {
  const float alpha = g->scale ? *(const float *)(memory + g->scale) : 1;
  for (int32_t i = 0; i < rows; i += 16) {
    for (int32_t j = 0; j < columns; j += 16) {
      const size_t at = (size_t)(m + i) * g->ldc + (size_t)(n + j);
      float *c = (float *)(memory + g->c) + at;
      const float *first = g->accumulate ? (const float *)(memory + g->accumulate) + at : NULL;
      storeTile(sums + 32 * i + 16 * j, c, isFirst ? first : c, g, alpha, smaller(16, rows - i), smaller(16, columns - j));
    }
  }
}

/** Rows [top, bottom) and columns [left, right) of C. */
static int rectangle(uint8_t *memory, const Gemm *g, int32_t top, int32_t bottom, int32_t left, int32_t right) {
  const size_t sizeA = (size_t)rowsOfBlock * depthOfBlock * 2, sizeB = (size_t)columnsOfBlock * depthOfBlock * 2;
  uint8_t *a = scratch(sizeA + sizeB + 4 * bytesOfTile);
  if (!a) return 0;
  uint8_t *b = a + sizeA;
  float *sums = (float *)(b + sizeB);
  const Source s = {(const float *)(memory + g->a), g->kind == denseInt8 ? (const float *)(memory + g->rowScale) : NULL,
                    g->strideM, g->strideK, g->K};
  configureTiles();
  for (int32_t n = left; n < right; n += columnsOfBlock) {
    const int32_t columns = smaller(columnsOfBlock, right - n);
    for (int32_t k = 0; k < g->K; k += depthOfBlock) {
      const int32_t tiles = smaller(tilesDeep, (g->K - k + depthOfTile - 1) / depthOfTile);
      packB(memory, g, b, k, n, n + columns);
      for (int32_t m = top; m < bottom; m += rowsOfBlock) {
        const int32_t rows = smaller(rowsOfBlock, bottom - m);
        packA(s, a, m, rows, k);
        // 32 rows of A stay in the first-level cache, and B passes.
        for (int32_t i = 0; i < rows; i += 32) {
          for (int32_t j = 0; j < columns; j += 32) {
            multiplyTiles(a + (size_t)i * depthOfBlock * 2, b + (size_t)j * depthOfBlock * 2, tiles, sums);
            storeSquare(memory, g, sums, k == 0, m + i, smaller(32, rows - i), n + j, smaller(32, columns - j));
          }
        }
      }
    }
  }
  _tile_release();
  return 1;
}

int denseAmx(uint8_t *memory, const Gemm *g, int32_t piece, int32_t pieces) {
  if (g->kind > denseInt8 || (int64_t)g->M * g->N * g->K < fewestOperations) return denseAvx512(memory, g, piece, pieces);
  // Shares of the longer side: each thread packs all of the shorter one.
  if (g->M > g->N)
    return rectangle(memory, g, shareStart(g->M, 32, piece, pieces), shareStart(g->M, 32, piece + 1, pieces), 0, g->N);
  return rectangle(memory, g, 0, g->M, shareStart(g->N, 32, piece, pieces), shareStart(g->N, 32, piece + 1, pieces));
}
