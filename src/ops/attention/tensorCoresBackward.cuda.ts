/**
 * The backward pass of causal attention on tensor cores: scores are recomputed tile by tile from the log-sum-exp. One
 * kernel goes over queries, another over keys, so that every sum has one owner and one order.
 */
import type { Launch } from '../../kernels/cuda/launch.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { scratch } from '../../kernels/scratch.ts';
import type { Tensor } from '../../program/tensor.ts';
import { narrow, ownRows, sharedBytes, type Tiling, tileFunctions } from './halfTiles.cuda.ts';
import type { AttentionSizes } from './reference.ts';
import { turnOf } from './tensorCores.cuda.ts';

type Gradients = Readonly<Record<'dq' | 'dk' | 'dv', Tensor>>;
type Operands = Readonly<Record<'q' | 'k' | 'v' | 'dy' | 'statistics', Tensor>>;

/** The fastest of those tried on an H200. Registers hold up to four sums of a warp's rows. */
function tilingOf(headSize: number): Tiling {
  if (headSize > 64) return { warps: 4, strips: 1, others: 32 };
  return { warps: 4, strips: 2, others: headSize > 32 ? 32 : 64 };
}

type Read = Readonly<Record<'q' | 'k' | 'v' | 'dy' | 'y' | 'logSumExp', Tensor>>;

export function attentionBackward(
  { q, k, v, dy, y, logSumExp, ...gradients }: Read & Gradients,
  sizes: AttentionSizes,
): Launch[] {
  const { narrowed, steps } = narrow({ q, k, v, dy });
  const statistics = scratch('statistics', [...logSumExp.shape, 2]);
  const operands = { ...narrowed, statistics };
  return [
    ...steps,
    statisticsOf({ dy, y, logSumExp, statistics }, sizes),
    gradientOfQueries(operands, gradients, sizes),
    gradientOfKeys(operands, gradients, sizes),
  ];
}

const fourOf = `
__device__ inline float4 fourOf(const float* x) { return *(const float4*)x; }
__device__ inline float4 fourOf(const bf16* x) {
  const uint2 words = *(const uint2*)x;
  return make_float4(__uint_as_float(words.x << 16), __uint_as_float(words.x & 0xffff0000u),
    __uint_as_float(words.y << 16), __uint_as_float(words.y & 0xffff0000u));
}
`;

/** For each head of each query: the log-sum-exp as an exponent of two, and δ = Σ_c dy_c·y_c. */
function statisticsOf(
  tensors: Readonly<Record<'dy' | 'y' | 'logSumExp' | 'statistics', Tensor>>,
  { headSize }: AttentionSizes,
): Launch {
  const lanes = 4;
  const size = lanes * tensors.logSumExp.size;
  return {
    kernel: 'attentionStatistics',
    functions: fourOf,
    body: eachElement(`
    const unsigned row = i / ${lanes}, lane = i % ${lanes};
    const size_t at = (size_t)row * headSize;
    float delta = 0.f;
    for (unsigned c = 4 * lane; c < headSize; c += ${4 * lanes}) delta += dot(fourOf(dy + at + c), fourOf(y + at + c));
    const unsigned group = ${2 ** lanes - 1}u << (threadIdx.x % 32 - lane);
    for (int d = ${lanes / 2}; d; d >>= 1) delta += __shfl_xor_sync(group, delta, d);
    if (lane == 0) ((float2*)statistics)[row] = make_float2(logSumExp[row] * ${Math.LOG2E}f, delta);`),
    tensors,
    numbers: { size, headSize },
    ...overElements(size),
  };
}

/** The warp's first row, and its own rows: two operands of the block, in shared memory before the tiles. */
const place = `
  extern __shared__ __align__(16) unsigned char memory[];
  const unsigned lane = threadIdx.x % 32, firstOfWarp = threadIdx.x / 32 * 16 * strips;
  const unsigned width = heads * size, keyWidth = keyHeads * size;
  const unsigned block = sharedAddress(memory), tiles = block + 2 * own * rowBytes;
  const unsigned rows = block + firstOfWarp * rowBytes, otherRows = rows + own * rowBytes;`;

/** Scores of a tile of keys, and gains, become slopes of a warp's queries. */
const slopesOfQueries = `#pragma unroll
      for (int m = 0; m < strips; m++)
        #pragma unroll
        for (int n = 0; n < others / 8; n++)
          #pragma unroll
          for (int i = 0; i < 4; i++) {
            const float2 own = statistic[m][i / 2];
            scores[m][n][i] = powerOfTwo(scores[m][n][i] * turn - own.x) * (gains[m][n][i] - own.y);
          }
      if (begin + others > first + firstOfWarp) {
        #pragma unroll
        for (int m = 0; m < strips; m++)
          #pragma unroll
          for (int n = 0; n < others / 8; n++)
            #pragma unroll
            for (int i = 0; i < 4; i++) {
              const unsigned key = begin + 8 * n + lane % 4 * 2 + i % 2, query = first + firstOfWarp + 16 * m + i / 2 * 8 + lane / 4;
              if (key > query) scores[m][n][i] = 0.f;
            }
      }`;

/** dq of a block's queries: Σ ds·k over the keys that they see, with ds = p·(dy·v − δ)/√size. */
function gradientOfQueries(
  { q, k, v, dy, statistics }: Operands,
  { dq }: Gradients,
  { batch, length, heads, keyHeads, headSize }: AttentionSizes,
): Launch {
  const tiling = tilingOf(headSize);
  return {
    kernel: `attentionGradientOfQueries.${headSize}`,
    functions: tileFunctions(headSize, tiling),
    body: `${place}
  const unsigned head = blockIdx.x % heads, sequence = blockIdx.x / heads;
  const unsigned first = (gridDim.y - 1 - blockIdx.y) * own, end = min(first + own, length);
  const size_t ofQueries = (size_t)sequence * length * width + head * size;
  const size_t ofKeys = (size_t)sequence * length * keyWidth + head / (heads / keyHeads) * size;
  auto copyTile = [&](unsigned to, unsigned begin) {
    copyRows<others>(to, k + ofKeys, keyWidth, begin, length);
    copyRows<others>(to + tileBytes, v + ofKeys, keyWidth, begin, length);
  };
  copyRows<own>(block, q + ofQueries, width, first, length);
  copyRows<own>(block + own * rowBytes, dy + ofQueries, width, first, length);
  copyTile(tiles, 0);
  float2 statistic[strips][2];
  Columns sums = {};
  #pragma unroll
  for (int m = 0; m < strips; m++)
    for (int h = 0; h < 2; h++) {
      const unsigned query = min(first + firstOfWarp + 16 * m + 8 * h + lane / 4, length - 1);
      statistic[m][h] = ((const float2*)statistics)[((size_t)sequence * length + query) * heads + head];
    }
  unsigned now = tiles, next = tiles + 2 * tileBytes;
  for (unsigned begin = 0; begin < end; begin += others) {
    waitForCopies();
    __syncthreads();
    if (begin + others < end) copyTile(next, begin + others);
    if (begin < first + firstOfWarp + 16 * strips) {
      Scores scores, gains;
      rowProducts(scores, rows, now);
      rowProducts(gains, otherRows, now + tileBytes);
      ${slopesOfQueries}
      addWeighted(sums, scores, now);
    }
    const unsigned other = now;
    now = next;
    next = other;
  }
  float factors[strips][2];
  #pragma unroll
  for (int m = 0; m < strips; m++) for (int h = 0; h < 2; h++) factors[m][h] = scale;
  storeRows(dq + ofQueries, sums, factors, width, first + firstOfWarp, length);`,
    tensors: { q, k, v, dy, statistics, dq },
    numbers: numbersOf({ length, heads, keyHeads, headSize }),
    grid: [batch * heads, Math.ceil(length / ownRows(tiling)), 1],
    block: 32 * tiling.warps,
    shared: sharedBytes(tiling, headSize, { own: 2, others: 2 }),
  };
}

/** Scores of a tile of queries, and gains, become weights and slopes of a warp's keys. */
const slopesOfKeys = `#pragma unroll
      for (int n = 0; n < others / 8; n++)
        #pragma unroll
        for (int i = 0; i < 4; i++) {
          const float2 own = statistic[8 * n + lane % 4 * 2 + i % 2];
          #pragma unroll
          for (int m = 0; m < strips; m++) {
            weights[m][n][i] = powerOfTwo(weights[m][n][i] * turn - own.x);
            slopes[m][n][i] = weights[m][n][i] * (slopes[m][n][i] - own.y);
          }
        }
      // Queries after the end are zeros, as are their gradients.
      if (begin < first + firstOfWarp + 16 * strips) {
        #pragma unroll
        for (int m = 0; m < strips; m++)
          #pragma unroll
          for (int n = 0; n < others / 8; n++)
            #pragma unroll
            for (int i = 0; i < 4; i++) {
              const unsigned query = begin + 8 * n + lane % 4 * 2 + i % 2, key = first + firstOfWarp + 16 * m + i / 2 * 8 + lane / 4;
              if (key > query) weights[m][n][i] = slopes[m][n][i] = 0.f;
            }
      }`;

/** dk and dv of a block's keys: Σ ds·q/√size and Σ p·dy over the queries that see them, in all heads that share the keys. */
function gradientOfKeys(
  { q, k, v, dy, statistics }: Operands,
  { dk, dv }: Gradients,
  { batch, length, heads, keyHeads, headSize }: AttentionSizes,
): Launch {
  const tiling = tilingOf(headSize);
  return {
    kernel: `attentionGradientOfKeys.${headSize}`,
    functions: tileFunctions(headSize, tiling),
    body: `${place}
  const unsigned statisticsOfTiles = tiles + 4 * tileBytes;
  const unsigned keyHead = blockIdx.x % keyHeads, sequence = blockIdx.x / keyHeads, shared = heads / keyHeads;
  const unsigned first = blockIdx.y * own, firstTile = first / others, tilesOfHead = (length + others - 1) / others - firstTile;
  const size_t ofKeys = (size_t)sequence * length * keyWidth + keyHead * size;
  auto copyTile = [&](unsigned to, unsigned toStatistics, unsigned tile) {
    const unsigned head = keyHead * shared + tile / tilesOfHead, begin = (firstTile + tile % tilesOfHead) * others;
    const size_t ofQueries = (size_t)sequence * length * width + head * size;
    copyRows<others>(to, q + ofQueries, width, begin, length);
    copyRows<others>(to + tileBytes, dy + ofQueries, width, begin, length);
    const unsigned query = begin + threadIdx.x;
    if (threadIdx.x < others)
      copyEight(toStatistics + 8 * threadIdx.x, statistics + 2 * (((size_t)sequence * length + min(query, length - 1)) * heads + head), query < length);
  };
  copyRows<own>(block, k + ofKeys, keyWidth, first, length);
  copyRows<own>(block + own * rowBytes, v + ofKeys, keyWidth, first, length);
  copyTile(tiles, statisticsOfTiles, 0);
  Columns ofKeyRows = {}, ofValues = {};
  for (unsigned tile = 0; tile < shared * tilesOfHead; tile++) {
    const unsigned now = tiles + tile % 2 * 2 * tileBytes, next = tiles + (tile + 1) % 2 * 2 * tileBytes;
    const unsigned begin = (firstTile + tile % tilesOfHead) * others;
    waitForCopies();
    __syncthreads();
    if (tile + 1 < shared * tilesOfHead) copyTile(next, statisticsOfTiles + (tile + 1) % 2 * 8 * others, tile + 1);
    if (begin + others > first + firstOfWarp) {
      const float2* statistic = (const float2*)(memory + 2 * own * rowBytes + 4 * tileBytes) + tile % 2 * others;
      Scores weights, slopes;
      rowProducts(weights, rows, now);
      rowProducts(slopes, otherRows, now + tileBytes);
      ${slopesOfKeys}
      addWeighted(ofValues, weights, now + tileBytes);
      addWeighted(ofKeyRows, slopes, now);
    }
  }
  float factors[strips][2], ones[strips][2];
  #pragma unroll
  for (int m = 0; m < strips; m++) for (int h = 0; h < 2; h++) { factors[m][h] = scale; ones[m][h] = 1.f; }
  storeRows(dk + ofKeys, ofKeyRows, factors, keyWidth, first + firstOfWarp, length);
  storeRows(dv + ofKeys, ofValues, ones, keyWidth, first + firstOfWarp, length);`,
    tensors: { q, k, v, dy, statistics, dk, dv },
    numbers: numbersOf({ length, heads, keyHeads, headSize }),
    grid: [batch * keyHeads, Math.ceil(length / ownRows(tiling)), 1],
    block: 32 * tiling.warps,
    shared: sharedBytes(tiling, headSize, { own: 2, others: 2 }) + 16 * tiling.others,
  };
}

function numbersOf({ headSize, ...counts }: Omit<AttentionSizes, 'batch'>): Launch['numbers'] {
  return { ...counts, turn: turnOf(headSize), scale: { f32: 1 / Math.sqrt(headSize) } };
}
