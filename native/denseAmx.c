/**
 * Products of the backward pass with AMX: tiles of bf16, summed in f32. Gradients are rounded to bf16, as is usual in
 * training; ternary weights and int8 codes are bf16 without rounding. The products of a forward pass, whose matrices lie
 * along K, are those of AVX-512: they keep all bits.
 */
#include "tiles.h"

enum {
  depthOfBlock = 512,
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

/** Sixteen codes of two packed rows in one plane, as pairs of −1, 0 and 1. */
INLINE __m512i ternaryPairs(const uint8_t *even, const uint8_t *odd, int plane) {
  const __m128i a = _mm_loadu_si128((const __m128i *)even), b = _mm_loadu_si128((const __m128i *)odd);
  const __m256i both = _mm256_set_m128i(_mm_unpackhi_epi8(a, b), _mm_unpacklo_epi8(a, b));
  const __m512i codes = _mm512_srl_epi16(_mm512_cvtepu8_epi16(both), _mm_cvtsi32_si128(2 * plane));
  // −1, 0 and 1 in bf16, by code.
  const __m512i values = _mm512_set1_epi64(0x00003f800000bf80);
  return _mm512_permutexvar_epi16(_mm512_and_si512(codes, _mm512_set1_epi16(3)), values);
}

/** Rows row and row + 1 of B in columns [n, n + 16), as pairs. */
INLINE __m512i pairsOfB(const uint8_t *memory, const Gemm *g, int32_t row, int32_t n, int32_t end) {
  const int32_t packed = (g->K + 3) >> 2, plane = row / packed;
  if (g->kind == denseTernary && n + 16 <= end && row + 1 < g->K && (row + 1) / packed == plane) {
    const uint8_t *even = memory + g->b + (size_t)(row - plane * packed) * g->ldb + n;
    return ternaryPairs(even, even + g->ldb, plane);
  }
  return pairOf(rowOfB(memory, g, row, n, end), rowOfB(memory, g, row + 1, n, end));
}

/** Rows [k, k + depth) and columns [from, end) of B, in tiles of 16 columns by 16 pairs of rows. */
static void packB(const uint8_t *memory, const Gemm *g, uint8_t *to, int32_t k, int32_t depth, int32_t from, int32_t end) {
  for (int32_t n = from; n < end; n += 16, to += tilesDeep * bytesOfTile) {
    for (int32_t row = 0; row < depth; row += 2) _mm512_store_si512(to + 32 * row, pairsOfB(memory, g, k + row, n, end));
  }
}

/** Where A lies, and what its columns are multiplied by: numbers of their own, or all by alpha. */
typedef struct {
  const float *a, *scales;
  float alpha;
  int32_t strideM, strideK, K;
} Source;

/** Sixteen elements of column k of A, whose rows are neighbours. */
INLINE __m512 columnOfA(Source s, const float *a, int32_t k, __mmask16 there) {
  if (k >= s.K) return _mm512_setzero_ps();
  const float *column = a + (size_t)k * s.strideK;
  // Columns lie so far apart that the processor does not see the order in which they are read.
  _mm_prefetch((const char *)(column + (size_t)depthOfTile * s.strideK), _MM_HINT_T0);
  const __m512 x = _mm512_maskz_loadu_ps(there, column);
  return _mm512_mul_ps(x, _mm512_set1_ps(s.scales ? s.scales[k] : s.alpha));
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
    } else if (s.alpha != 1) {
      x = _mm512_mul_ps(x, _mm512_set1_ps(s.alpha));
      y = _mm512_mul_ps(y, _mm512_set1_ps(s.alpha));
    }
    _mm512_store_si512(to + 64 * i, (__m512i)_mm512_cvtne2ps_pbh(y, x));
  }
}

/** Rows [m, m + rows) of A in `tiles` tiles from column k on: what lies together in memory is read together. */
static void packA(Source s, uint8_t *to, int32_t m, int32_t rows, int32_t k, int32_t tiles) {
  if (s.strideK == 1) {
    for (int32_t i = 0; i < rows; i += 16)
      for (int32_t tile = 0; tile < tiles; tile++)
        packRows(s, to + (i / 16 * tilesDeep + tile) * bytesOfTile, m + i, smaller(16, rows - i), k + tile * depthOfTile);
    return;
  }
  for (int32_t tile = 0; tile < tiles; tile++)
    for (int32_t i = 0; i < rows; i += 16)
      packTransposed(s, to + (i / 16 * tilesDeep + tile) * bytesOfTile, m + i, smaller(16, rows - i), k + tile * depthOfTile);
}

/** Where the sums of a square of four tiles begin, NULL for 0, and where they go. */
typedef struct {
  const float *from;
  float *to;
  size_t stride;
} Square;

/** Two rows of tiles of A times two columns of tiles of B. */
static void multiplyTiles(const uint8_t *a, const uint8_t *b, int32_t tiles, Square s) {
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

/** Copies rows of at most 32 floats. */
static void copySquare(float *to, size_t stride, const float *from, size_t fromStride, int32_t rows, int32_t columns) {
  const __mmask16 low = firstOf(columns), high = firstOf(columns - 16);
  for (int32_t i = 0; i < rows; i++, to += stride, from += fromStride) {
    _mm512_mask_storeu_ps(to, low, _mm512_maskz_loadu_ps(low, from));
    _mm512_mask_storeu_ps(to + 16, high, _mm512_maskz_loadu_ps(high, from + 16));
  }
}

/** A square of C, 32 by 32 at most: tiles are loaded and stored where they lie, or at the edges of C in `aside`. */
static void multiplySquare(const uint8_t *a, const uint8_t *b, int32_t tiles, Square s, int32_t rows, int32_t columns,
                           float *aside) {
  if (rows == 32 && columns == 32) {
    multiplyTiles(a, b, tiles, s);
    return;
  }
  if (s.from) copySquare(aside, 32, s.from, s.stride, rows, columns);
  multiplyTiles(a, b, tiles, (Square){s.from ? aside : NULL, aside, 32});
  copySquare(s.to, s.stride, aside, 32, rows, columns);
}

/** Rows [top, bottom) and columns [left, right) of C. */
static int rectangle(uint8_t *memory, const Gemm *g, int32_t top, int32_t bottom, int32_t left, int32_t right) {
  const size_t sizeA = (size_t)rowsOfBlock * depthOfBlock * 2, sizeB = (size_t)columnsOfBlock * depthOfBlock * 2;
  uint8_t *a = scratch(sizeA + sizeB + 4 * bytesOfTile);
  if (!a) return 0;
  uint8_t *b = a + sizeA;
  float *aside = (float *)(b + sizeB);
  memset(aside, 0, 4 * bytesOfTile);
  const Source s = {(const float *)(memory + g->a), g->kind == denseInt8 ? (const float *)(memory + g->rowScale) : NULL,
                    g->scale ? *(const float *)(memory + g->scale) : 1, g->strideM, g->strideK, g->K};
  configureTiles();
  for (int32_t n = left; n < right; n += columnsOfBlock) {
    const int32_t columns = smaller(columnsOfBlock, right - n);
    for (int32_t k = 0; k < g->K; k += depthOfBlock) {
      const int32_t tiles = smaller(tilesDeep, (g->K - k + depthOfTile - 1) / depthOfTile);
      packB(memory, g, b, k, tiles * depthOfTile, n, n + columns);
      for (int32_t m = top; m < bottom; m += rowsOfBlock) {
        const int32_t rows = smaller(rowsOfBlock, bottom - m);
        packA(s, a, m, rows, k, tiles);
        // 32 rows of A stay in the first-level cache, and B passes.
        for (int32_t i = 0; i < rows; i += 32) {
          for (int32_t j = 0; j < columns; j += 32) {
            const size_t at = (size_t)(m + i) * g->ldc + (size_t)(n + j);
            float *c = (float *)(memory + g->c) + at;
            const float *before = g->accumulate ? (const float *)(memory + g->accumulate) + at : NULL;
            multiplySquare(a + (size_t)i * depthOfBlock * 2, b + (size_t)j * depthOfBlock * 2, tiles,
                           (Square){k > 0 ? c : before, c, (size_t)g->ldc}, smaller(32, rows - i), smaller(32, columns - j),
                           aside);
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
  if (g->M >= g->N)
    return rectangle(memory, g, shareStart(g->M, 32, piece, pieces), shareStart(g->M, 32, piece + 1, pieces), 0, g->N);
  return rectangle(memory, g, 0, g->M, shareStart(g->N, 32, piece, pieces), shareStart(g->N, 32, piece + 1, pieces));
}
