/**
 * Products of the backward pass with AMX: tiles of bf16, summed in f32. Gradients are rounded to bf16, as is usual in
 * training; ternary weights and int8 codes are bf16 without rounding. The products of a forward pass, whose matrices lie
 * along K, are those of AVX-512: they keep all bits.
 */
#include "bfloats.h"

enum {
  /** Below this many operations, AVX-512 is as fast. */
  fewestOperations = 1 << 16
};

/** A part of C. */
typedef struct {
  int32_t top, bottom, left, right;
} Part;

INLINE float factorOf(const uint8_t *memory, const Gemm *g) { return g->scale ? *(const float *)(memory + g->scale) : 1; }

INLINE const float *rowFactors(const uint8_t *memory, const Gemm *g) {
  return g->kind == denseInt8 ? (const float *)(memory + g->rowScale) : NULL;
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

/** Rows [m, m + rows) of A, `tiles` tiles from column k on. */
static void packBlock(const uint8_t *memory, const Gemm *g, uint8_t *to, int32_t m, int32_t rows, int32_t k, int32_t tiles) {
  const float *corner = (const float *)(memory + g->a) + (size_t)m * g->strideM + k;
  for (int32_t i = 0; i < rows; i += 16)
    for (int32_t tile = 0; tile < tiles; tile++)
      packRows(corner + (size_t)i * g->strideM + tile * depthOfTile, (size_t)g->strideM, factorOf(memory, g),
               to + (size_t)(i / 16 * tilesDeep + tile) * bytesOfTile, rows - i, g->K - k - tile * depthOfTile);
}

/** A part of C = A·B, where A is stored by its rows. */
static int product(uint8_t *memory, const Gemm *g, Part part) {
  uint8_t *a = scratch(bytesOfBlockA + bytesOfBlockB + 4 * bytesOfTile);
  if (!a) return 0;
  uint8_t *b = a + bytesOfBlockA;
  float *aside = (float *)(b + bytesOfBlockB);
  memset(aside, 0, 4 * bytesOfTile);
  const Rows rowsOfB = {memory + g->b, (size_t)g->ldb, g->kind == denseInt8, rowFactors(memory, g), 1, g->K};
  configureTiles();
  for (int32_t n = part.left; n < part.right; n += columnsOfBlock) {
    const int32_t columns = smaller(columnsOfBlock, part.right - n);
    if (columns % 32 != 0) memset(b, 0, bytesOfBlockB);
    for (int32_t k = 0; k < g->K; k += depthOfBlock) {
      const int32_t tiles = smaller(tilesDeep, (g->K - k + depthOfTile - 1) / depthOfTile), depth = tiles * depthOfTile;
      if (g->kind == denseTernary) packTernary(memory + g->b, g->K, (size_t)g->ldb, b, k, depth, n, columns);
      else packPairs(rowsOfB, b, k, depth, n, columns);
      for (int32_t m = part.top; m < part.bottom; m += rowsOfBlock) {
        const int32_t rows = smaller(rowsOfBlock, part.bottom - m);
        packBlock(memory, g, a, m, rows, k, tiles);
        // 32 rows of A stay in the first-level cache, and B passes.
        for (int32_t i = 0; i < rows; i += 32) {
          for (int32_t j = 0; j < columns; j += 32) {
            const size_t at = (size_t)(m + i) * g->ldc + (size_t)(n + j);
            float *c = (float *)(memory + g->c) + at;
            const float *before = g->accumulate ? (const float *)(memory + g->accumulate) + at : NULL;
            multiplySquare(a + (size_t)(i / 16 * tilesDeep) * bytesOfTile, b + (size_t)(j / 16 * tilesDeep) * bytesOfTile, tiles,
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

/** Sixteen rows of Cᵀ, from row n and column m on, to C. */
static void turnTile(uint8_t *memory, const Gemm *g, const float *sums, int32_t m, int32_t n, Part part) {
  __m512i rows[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) rows[i] = _mm512_loadu_si512(sums + (size_t)i * columnsOfBlock);
  transpose(rows);
  const __mmask16 there = firstOf(part.right - n);
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) {
    if (m + i >= part.bottom) continue;
    const size_t at = (size_t)(m + i) * g->ldc + (size_t)n;
    __m512 sum = (__m512)rows[i];
    if (g->accumulate) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(there, (const float *)(memory + g->accumulate) + at));
    _mm512_mask_storeu_ps((float *)(memory + g->c) + at, there, sum);
  }
}

/** Adds the products of a block of Aᵀ, packed as `a`, from row k on, with the rows of B to `sums`, rows of Cᵀ. */
static void addTurned(Rows rowsOfB, uint8_t *turned, const uint8_t *a, int32_t k, int32_t tiles, int32_t columns, Part part,
                      float *sums) {
  for (int32_t n = part.left; n < part.right; n += 32) {
    for (int32_t half = 0; half < 2; half++) {
      const int32_t from = n + 16 * half;
      for (int32_t tile = 0; tile < tiles; tile++)
        packColumns(rowsOfB, turned + (size_t)(half * tilesDeep + tile) * bytesOfTile, k + tile * depthOfTile, from,
                    firstOf(part.right - from));
    }
    for (int32_t j = 0; j < columns; j += 32) {
      float *to = sums + (size_t)(n - part.left) * columnsOfBlock + (size_t)j;
      multiplyTiles(turned, a + (size_t)(j / 16 * tilesDeep) * bytesOfTile, tiles, (Square){k > 0 ? to : NULL, to, columnsOfBlock});
    }
  }
}

/** A part of C where A is stored by its columns: Cᵀ = Bᵀ·Aᵀ, so that Aᵀ, the gradients, is read row by row. */
static int turnedProduct(uint8_t *memory, const Gemm *g, Part part) {
  const size_t height = (size_t)((part.right - part.left + 31) & ~31);
  uint8_t *turned = scratch(bytesOfBlockA + bytesOfBlockB + height * columnsOfBlock * sizeof(float));
  if (!turned) return 0;
  uint8_t *a = turned + bytesOfBlockA;
  float *sums = (float *)(a + bytesOfBlockB);
  // The factors of int8 rows go to the gradients, which are rounded anyway.
  const Rows rowsOfA = {memory + g->a, (size_t)g->strideK, 0, rowFactors(memory, g), factorOf(memory, g), g->K};
  const Rows rowsOfB = {memory + g->b, (size_t)g->ldb, g->kind == denseInt8, NULL, 1, g->K};
  configureTiles();
  for (int32_t m = part.top; m < part.bottom; m += columnsOfBlock) {
    const int32_t columns = smaller(columnsOfBlock, part.bottom - m);
    if (columns % 32 != 0) memset(a, 0, bytesOfBlockB);
    for (int32_t k = 0; k < g->K; k += depthOfBlock) {
      const int32_t tiles = smaller(tilesDeep, (g->K - k + depthOfTile - 1) / depthOfTile);
      packPairs(rowsOfA, a, k, tiles * depthOfTile, m, columns);
      addTurned(rowsOfB, turned, a, k, tiles, columns, part, sums);
    }
    for (int32_t j = 0; j < columns; j += 16)
      for (int32_t n = part.left; n < part.right; n += 16)
        turnTile(memory, g, sums + (size_t)(n - part.left) * columnsOfBlock + j, m + j, n, part);
  }
  _tile_release();
  return 1;
}

int denseAmx(uint8_t *memory, const Gemm *g, int32_t piece, int32_t pieces) {
  const int isTurned = g->strideK != 1, isSmall = (int64_t)g->M * g->N * g->K < fewestOperations;
  if (g->kind > denseInt8 || isSmall || (isTurned && g->kind == denseTernary)) return denseAvx512(memory, g, piece, pieces);
  // Shares of the longer side: each thread packs all of the shorter one.
  const int32_t longer = g->M >= g->N ? g->M : g->N;
  const int32_t from = shareStart(longer, 32, piece, pieces), end = shareStart(longer, 32, piece + 1, pieces);
  if (from >= end) return 1;
  const Part part = g->M >= g->N ? (Part){from, end, 0, g->N} : (Part){0, g->M, from, end};
  return isTurned ? turnedProduct(memory, g, part) : product(memory, g, part);
}
