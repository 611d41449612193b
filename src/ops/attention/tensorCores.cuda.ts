/**
 * Causal attention on tensor cores. Scores are never stored: sums are scaled down when a later tile of keys has a larger
 * score. Exponentials are powers of two, so that scale and base are one factor, `turn`.
 */
import type { Launch } from '../../kernels/cuda/launch.ts';
import type { Tensor } from '../../program/tensor.ts';
import { narrow, ownRows, sharedBytes, type Tiling, tileFunctions } from './halfTiles.cuda.ts';
import type { AttentionSizes } from './reference.ts';

/** The fastest of those tried on an H200. Registers hold the sums of a warp's rows: wide heads have smaller tiles. */
function tilingOf(headSize: number): Tiling {
  if (headSize > 64) return { warps: 4, strips: 2, others: 32 };
  return { warps: 4, strips: headSize > 32 ? 2 : 1, others: 64 };
}

/** What scores are multiplied with before they are exponents of two. */
export const turnOf = (headSize: number) => ({ f32: Math.LOG2E / Math.sqrt(headSize) });

/** What a warp knows of its rows, and how it attends to a tile of keys that begins with key `begin`. */
export const attending = `
struct Attended { Columns sums; float tops[strips][2], totals[strips][2]; };

__device__ inline void beginRows(Attended& y) {
  #pragma unroll
  for (int m = 0; m < strips; m++) {
    #pragma unroll
    for (int n = 0; n < size / 8; n++) for (int i = 0; i < 4; i++) y.sums[m][n][i] = 0.f;
    for (int h = 0; h < 2; h++) { y.tops[m][h] = -1e30f; y.totals[m][h] = 0.f; }
  }
}

/** Rows see the keys up to their last one. */
__device__ inline void attend(Attended& y, unsigned rows, unsigned keys, unsigned values, int begin, const int (&last)[strips][2], float turn) {
  int least = last[0][0], most = last[0][0];
  #pragma unroll
  for (int m = 0; m < strips; m++) for (int h = 0; h < 2; h++) { least = min(least, last[m][h]); most = max(most, last[m][h]); }
  if (__all_sync(~0u, most < begin)) return;
  Scores scores;
  rowProducts(scores, rows, keys);
  if (__any_sync(~0u, least < begin + others - 1)) {
    const int column = begin + threadIdx.x % 4 * 2;
    #pragma unroll
    for (int m = 0; m < strips; m++)
      #pragma unroll
      for (int n = 0; n < others / 8; n++)
        #pragma unroll
        for (int i = 0; i < 4; i++) if (column + 8 * n + i % 2 > last[m][i / 2]) scores[m][n][i] = __int_as_float(0xff800000);
  }
  #pragma unroll
  for (int m = 0; m < strips; m++)
    #pragma unroll
    for (int h = 0; h < 2; h++) {
      float top = y.tops[m][h];
      #pragma unroll
      for (int n = 0; n < others / 8; n++) top = fmaxf(top, fmaxf(scores[m][n][2 * h], scores[m][n][2 * h + 1]));
      top = fmaxf(top, __shfl_xor_sync(~0u, top, 1));
      top = fmaxf(top, __shfl_xor_sync(~0u, top, 2));
      const float shrink = powerOfTwo((y.tops[m][h] - top) * turn), shift = top * turn;
      float total = y.totals[m][h] * shrink;
      #pragma unroll
      for (int n = 0; n < others / 8; n++)
        #pragma unroll
        for (int i = 0; i < 2; i++) {
          scores[m][n][2 * h + i] = powerOfTwo(scores[m][n][2 * h + i] * turn - shift);
          total += scores[m][n][2 * h + i];
        }
      #pragma unroll
      for (int n = 0; n < size / 8; n++) { y.sums[m][n][2 * h] *= shrink; y.sums[m][n][2 * h + 1] *= shrink; }
      y.tops[m][h] = top;
      y.totals[m][h] = total;
    }
  addWeighted(y.sums, scores, values);
}

/** The sums of exponentials, of which each of four lanes has a part. */
__device__ inline void endRows(Attended& y, float (&factors)[strips][2]) {
  #pragma unroll
  for (int m = 0; m < strips; m++)
    #pragma unroll
    for (int h = 0; h < 2; h++) {
      y.totals[m][h] += __shfl_xor_sync(~0u, y.totals[m][h], 1);
      y.totals[m][h] += __shfl_xor_sync(~0u, y.totals[m][h], 2);
      factors[m][h] = 1.f / y.totals[m][h];
    }
}
`;

/** y and logSumExp of q [batch, length, heads · size] over k, v [batch, length, keyHeads · size]. */
export function attentionForward(
  { q, k, v, ...outputs }: Record<'q' | 'k' | 'v' | 'y' | 'logSumExp', Tensor>,
  { batch, length, heads, keyHeads, headSize }: AttentionSizes,
): Launch[] {
  const tiling = tilingOf(headSize);
  const { narrowed, steps } = narrow({ q, k, v });
  const forward: Launch = {
    kernel: `attentionOnTensorCores.${headSize}`,
    functions: tileFunctions(headSize, tiling) + attending,
    body: `
  extern __shared__ __align__(16) unsigned char memory[];
  const unsigned head = blockIdx.x % heads, sequence = blockIdx.x / heads;
  const unsigned first = (gridDim.y - 1 - blockIdx.y) * own, end = min(first + own, length);
  const unsigned firstOfWarp = threadIdx.x / 32 * 16 * strips, lane = threadIdx.x % 32;
  const unsigned width = heads * size, keyWidth = keyHeads * size;
  const size_t ofQueries = (size_t)sequence * length * width + head * size;
  const size_t ofKeys = (size_t)sequence * length * keyWidth + head / (heads / keyHeads) * size;
  const unsigned queries = sharedAddress(memory), tiles = queries + own * rowBytes;
  copyRows<own>(queries, q + ofQueries, width, first, length);
  copyRows<others>(tiles, k + ofKeys, keyWidth, 0, length);
  copyRows<others>(tiles + tileBytes, v + ofKeys, keyWidth, 0, length);
  Attended rows;
  beginRows(rows);
  int last[strips][2];
  #pragma unroll
  for (int m = 0; m < strips; m++) for (int h = 0; h < 2; h++) last[m][h] = first + firstOfWarp + 16 * m + 8 * h + lane / 4;
  unsigned now = tiles, next = tiles + 2 * tileBytes;
  for (unsigned begin = 0; begin < end; begin += others) {
    waitForCopies();
    __syncthreads();
    if (begin + others < end) {
      copyRows<others>(next, k + ofKeys, keyWidth, begin + others, length);
      copyRows<others>(next + tileBytes, v + ofKeys, keyWidth, begin + others, length);
    }
    attend(rows, queries + firstOfWarp * rowBytes, now, now + tileBytes, begin, last, turn);
    const unsigned other = now;
    now = next;
    next = other;
  }
  float factors[strips][2];
  endRows(rows, factors);
  storeRows(y + ofQueries, rows.sums, factors, width, first + firstOfWarp, length);
  #pragma unroll
  for (int m = 0; m < strips; m++)
    for (int h = 0; h < 2; h++)
      if (lane % 4 == 0 && last[m][h] < length)
        logSumExp[((size_t)sequence * length + last[m][h]) * heads + head] = rows.tops[m][h] * scale + logf(rows.totals[m][h]);`,
    tensors: { ...narrowed, ...outputs },
    numbers: {
      ...{ length, heads, keyHeads },
      ...{ turn: turnOf(headSize), scale: { f32: 1 / Math.sqrt(headSize) } },
    },
    grid: [batch * heads, Math.ceil(length / ownRows(tiling)), 1],
    block: 32 * tiling.warps,
    shared: sharedBytes(tiling, headSize, { own: 1, others: 2 }),
  };
  return [...steps, forward];
}
