/**
 * AMX for few rows of activations, of which all weights are read once: packed rows are the rows of tiles, as they lie in
 * memory, and rows of activations are the columns. A plane of a packed byte is masked where it is: its sums are 4 or 16
 * times as large, and the upper plane's follow from those of whole bytes.
 */
#include "tiles.h"

enum {
  /** Sixty-four columns of sixteen packed rows: three planes and, at the edges of a matrix, whole bytes. */
  bytesOfBlock = 4 * bytesOfTile,
  /** Planes are written so many blocks before tiles read them, because a tile waits for stores that are under way. */
  blocksAhead = 1,
  blocksInTurn = 2
};

INLINE __mmask64 firstBytes(int32_t count) { return count >= 64 ? ~(__mmask64)0 : count <= 0 ? 0 : ((__mmask64)1 << count) - 1; }

/** Rows of activations as tiles [width / 64] of 16 columns by 16 words of four. */
static void packActivations(const int8_t *q, const Product *p, int32_t rows, uint8_t *to) {
  for (int32_t k = 0; k < p->width; k += 64, to += bytesOfTile) {
    const __mmask64 columns = firstBytes(p->width - k);
    __m512i words[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) words[i] = _mm512_maskz_loadu_epi8(i < rows ? columns : 0, q + (size_t)i * p->stride + k);
    transpose(words);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) _mm512_store_si512(to + 64 * i, words[i]);
  }
}

/** The planes of a block of `rows` packed rows, and the bytes themselves if it is no whole block. */
INLINE void maskPlanes(const uint8_t *codes, size_t width, int32_t rows, __mmask64 columns, const int isWhole, uint8_t *to) {
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++, codes += width, to += 64) {
    const __m512i bytes = isWhole ? _mm512_loadu_si512(codes) : _mm512_maskz_loadu_epi8(i < rows ? columns : 0, codes);
    if (isWhole) _mm_prefetch((const char *)codes + 512, _MM_HINT_T0);
    _mm512_store_si512(to, _mm512_and_si512(bytes, _mm512_set1_epi8(0x03)));
    _mm512_store_si512(to + bytesOfTile, _mm512_and_si512(bytes, _mm512_set1_epi8(0x0c)));
    _mm512_store_si512(to + 2 * bytesOfTile, _mm512_and_si512(bytes, _mm512_set1_epi8(0x30)));
    if (!isWhole) _mm512_store_si512(to + 3 * bytesOfTile, bytes);
  }
}

/** Sixteen packed rows from r on, of which `whole` blocks have all their bytes. */
typedef struct {
  const uint8_t *codes;
  int32_t rows, width, blocks, whole;
} Weights;

INLINE void unpackBlock(const Weights *w, int32_t block, uint8_t *planes) {
  const uint8_t *codes = w->codes + 64 * (size_t)block;
  uint8_t *to = planes + (size_t)(block % blocksInTurn) * bytesOfBlock;
  if (block < w->whole) maskPlanes(codes, (size_t)w->width, 16, 0, 1, to);
  else maskPlanes(codes, (size_t)w->width, w->rows, firstBytes(w->width - 64 * block), 0, to);
}

/** Sums of three planes in place and of whole bytes: [4][16 packed rows][16 rows of activations]. */
static void multiply(const Weights *w, const uint8_t *activations, uint8_t *planes, int32_t *sums) {
  for (int32_t block = 0; block < smaller(blocksAhead, w->blocks); block++) unpackBlock(w, block, planes);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int32_t block = 0; block < w->blocks; block++, activations += bytesOfTile) {
    if (block + blocksAhead < w->blocks) unpackBlock(w, block + blocksAhead, planes);
    const uint8_t *tiles = planes + (size_t)(block % blocksInTurn) * bytesOfBlock;
    _tile_loadd(4, activations, 64);
    _tile_loadd(5, tiles, 64);
    _tile_dpbusd(0, 5, 4);
    _tile_loadd(6, tiles + bytesOfTile, 64);
    _tile_dpbusd(1, 6, 4);
    _tile_loadd(7, tiles + 2 * bytesOfTile, 64);
    _tile_dpbusd(2, 7, 4);
    if (block < w->whole) _tile_loadd(5, w->codes + 64 * (size_t)block, (size_t)w->width);
    else _tile_loadd(5, tiles + 3 * bytesOfTile, 64);
    _tile_dpbusd(3, 5, 4);
  }
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + 256, 64);
  _tile_stored(2, sums + 512, 64);
  _tile_stored(3, sums + 768, 64);
}

/** (Σ q·code − Σ q)·t/s of `rows` rows by the output rows of packed rows [r, end) in a plane, at most sixteen. */
static void finishPlane(uint8_t *memory, const Product *p, __m512i values[16], int32_t row, int32_t rows, int32_t r, int32_t end, int plane) {
  const int32_t packed = (p->out + 3) >> 2, first = r + plane * packed;
  const int32_t outs = smaller(smaller(end - r, p->out - first), 16);
  if (outs <= 0) return;
  const __mmask16 there = (__mmask16)((1u << outs) - 1);
  const float scale = *(const float *)(memory + p->scale);
  transpose(values);
  for (int32_t i = 0; i < rows; i++) {
    const float factor = scale * ((const float *)(memory + p->step))[row + i];
    const __m512i own = _mm512_set1_epi32(((const int32_t *)(memory + p->sum))[row + i]);
    const __m512 y = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(values[i], own)), _mm512_set1_ps(factor));
    _mm512_mask_storeu_ps((float *)(memory + p->y) + (size_t)(row + i) * p->out + first, there, y);
  }
}

static void finish(uint8_t *memory, const Product *p, const int32_t *sums, int32_t row, int32_t rows, int32_t r, int32_t end) {
  __m512i values[16], upper[16];
  for (int i = 0; i < 16; i++) upper[i] = _mm512_load_si512(sums + 768 + 16 * i);
  for (int plane = 0; plane < 3; plane++) {
    for (int i = 0; i < 16; i++) {
      const __m512i own = _mm512_load_si512(sums + 256 * plane + 16 * i);
      upper[i] = _mm512_sub_epi32(upper[i], own);
      values[i] = _mm512_sra_epi32(own, _mm_cvtsi32_si128(2 * plane));
    }
    finishPlane(memory, p, values, row, rows, r, end, plane);
  }
  for (int i = 0; i < 16; i++) upper[i] = _mm512_srai_epi32(upper[i], 6);
  finishPlane(memory, p, upper, row, rows, r, end, 3);
}

/** A piece writes just its share of packed rows, as other kernels do: others take the same columns next, on this thread. */
int ternaryAmxFew(uint8_t *memory, const Product *p, int32_t piece, int32_t pieces) {
  const int32_t packed = (p->out + 3) >> 2, blocks = (p->width + 63) / 64;
  const int32_t from = shareStart(packed, 1, piece, pieces), end = shareStart(packed, 1, piece + 1, pieces);
  if (from == end) return 1;
  const size_t activationBytes = (size_t)blocks * bytesOfTile;
  uint8_t *activations = scratch(activationBytes + blocksInTurn * bytesOfBlock + 4 * bytesOfTile);
  if (p->stride > longestRow || !activations) return 0;
  uint8_t *planes = activations + activationBytes;
  int32_t *sums = (int32_t *)(planes + blocksInTurn * bytesOfBlock);
  configureTiles();
  for (int32_t row = 0; row < p->rows; row += 16) {
    const int32_t rows = smaller(p->rows - row, 16);
    packActivations((const int8_t *)(memory + p->q) + (size_t)row * p->stride, p, rows, activations);
    for (int32_t r = from; r < end; r += 16) {
      const int32_t there = smaller(packed - r, 16);
      const Weights w = {memory + p->codes + (size_t)r * p->width, there, p->width, blocks, there == 16 ? p->width / 64 : 0};
      multiply(&w, activations, planes, sums);
      finish(memory, p, sums, row, rows, r, end);
    }
  }
  _tile_release();
  return 1;
}
