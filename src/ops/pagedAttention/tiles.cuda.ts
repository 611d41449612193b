/**
 * Attention of many rows over pages on tensor cores, such as prompts. A block takes rows that follow one another and
 * attends, for each run of rows of one sequence among them, to the keys of that sequence, tile by tile. Short runs, such
 * as the single rows of sequences that decode, are left to the kernel that takes each row by itself.
 */
import type { CudaFeatures, Launch } from '../../kernels/cuda/launch.ts';
import { ownRows, sharedBytes, type Tiling, tileFunctions } from '../attention/halfTiles.cuda.ts';
import { attending, turnOf } from '../attention/tensorCores.cuda.ts';
import { poolElements, poolRow } from '../pages.cuda.ts';
import { pageSize } from '../pages.ts';
import type { PagedSizes } from './reference.ts';

const tilingOf = (headSize: number): Tiling => ({ warps: 8, strips: 1, others: headSize > 64 ? 32 : 64 });

/** Fewer rows of a sequence beside one another are taken one by one. */
const minRun = 8;

/** Whether heads fit, and rows are worth the conversion of their keys: where there is one for each sequence, they are not. */
export function suitsTiles(
  { rows, heads, headSize, maxPages }: PagedSizes,
  sequences: number,
  { minHalfWork }: CudaFeatures,
): boolean {
  const products = rows * heads * maxPages * pageSize * headSize;
  return headSize % 16 === 0 && headSize <= 128 && rows >= 2 * sequences && products >= minHalfWork;
}

/**
 * For kernels of single rows: `isOfTiles(slots, rows, r)`, whether row r is one of a run that tiles take. There are none
 * such rows if there is one sequence.
 */
export function runsOfTiles(headSize: number): string {
  return `
__device__ inline bool isOfTiles(const int* slots, unsigned rows, unsigned r) {
  const unsigned first = r / ${ownRows(tilingOf(headSize))} * ${ownRows(tilingOf(headSize))}, end = min(first + ${ownRows(tilingOf(headSize))}, rows);
  const int slot = slots[r];
  unsigned run = 1;
  for (unsigned before = r; before > first && slots[before - 1] == slot && run < ${minRun}; before--) run++;
  for (unsigned after = r + 1; after < end && slots[after] == slot && run < ${minRun}; after++) run++;
  return run >= ${minRun};
}
`;
}

const loadTiles = `
/** Eight neighbours of a row, times its step, as bf16. */
template <typename T> __device__ inline void convertEight(unsigned to, const T* from, float step) {
  const float4 a = loadFour(from) * step, b = loadFour(from + 4) * step;
  storeSixteen(to, twoBf16(a.x, a.y), twoBf16(a.z, a.w), twoBf16(b.x, b.y), twoBf16(b.z, b.w));
}

/** A tile of keys or values: those of positions \`begin\` … \`most\` of a sequence, and zeros after them. */
template <typename T> __device__ inline void loadPages(unsigned to, const T* pool, const int* pages, unsigned maxPages, unsigned slot, unsigned stride, int begin, int most) {
  #pragma unroll
  for (int i = threadIdx.x; i < others * (size / 8); i += threads) {
    const unsigned r = i / (size / 8), c = i % (size / 8) * 8;
    const int key = min(begin + (int)r, most);
    const T* from = pool + (size_t)poolRow(pages, maxPages, slot, key) * stride;
    convertEight(to + r * rowBytes + 2 * c, from + c, begin + (int)r <= most ? stepOf(from, size) : 0.f);
  }
}
`;

/**
 * y of runs of rows: of all rows if there is one sequence. What is stored for the others means nothing: the kernel of single
 * rows comes after it. `numbers` has `width`, of a head in the pool.
 */
export function attendInTiles(
  { kernel, tensors, numbers }: Pick<Launch, 'kernel' | 'tensors' | 'numbers'>,
  { rows, heads, headSize }: PagedSizes,
  sequences: number,
): Launch {
  const tiling = tilingOf(headSize);
  return {
    kernel: `${kernel}.tiles.${headSize}`,
    functions: tileFunctions(headSize, tiling) + attending + poolRow + poolElements + loadTiles,
    body: `
  extern __shared__ __align__(16) unsigned char memory[];
  __shared__ int sequenceOf[own], positionOf[own];
  const unsigned head = blockIdx.x, first = (gridDim.y - 1 - blockIdx.y) * own;
  const unsigned firstOfWarp = threadIdx.x / 32 * 16 * strips, lane = threadIdx.x % 32;
  const unsigned stride = keyHeads * width, ofHead = head / (heads / keyHeads) * width;
  const unsigned queries = sharedAddress(memory), tiles = queries + own * rowBytes;
  const int present = min(own, rows - first);
  for (int i = threadIdx.x; i < own; i += threads) {
    const unsigned row = min(first + i, rows - 1);
    sequenceOf[i] = slots[row];
    positionOf[i] = positions[row];
  }
  #pragma unroll
  for (int i = threadIdx.x; i < own * (size / 8); i += threads) {
    const unsigned r = i / (size / 8), c = i % (size / 8) * 8;
    convertEight(queries + r * rowBytes + 2 * c, q + ((size_t)min(first + r, rows - 1) * heads + head) * size + c, 1.f);
  }
  __syncthreads();
  Attended found;
  beginRows(found);
  unsigned now = tiles, next = tiles + 2 * tileBytes;
  for (int from = 0, to; from < present; from = to) {
    const int slot = sequenceOf[from];
    int most = 0;
    for (to = from; to < present && sequenceOf[to] == slot; to++) most = max(most, positionOf[to]);
    if (to - from < least) continue;
    int last[strips][2];
    #pragma unroll
    for (int m = 0; m < strips; m++)
      for (int h = 0; h < 2; h++) {
        const int row = firstOfWarp + 16 * m + 8 * h + lane / 4;
        last[m][h] = row >= from && row < to ? positionOf[row] : -1;
      }
    for (int begin = 0; begin <= most; begin += others) {
      loadPages(now, k + ofHead, pages, maxPages, slot, stride, begin, most);
      loadPages(now + tileBytes, v + ofHead, pages, maxPages, slot, stride, begin, most);
      __syncthreads();
      attend(found, queries + firstOfWarp * rowBytes, now, now + tileBytes, begin, last, turn);
      const unsigned other = now;
      now = next;
      next = other;
    }
  }
  float factors[strips][2];
  endRows(found, factors);
  storeRows(y + head * size, found.sums, factors, heads * size, first + firstOfWarp, rows);`,
    tensors,
    numbers: { ...numbers, rows, least: sequences > 1 ? minRun : 1, turn: turnOf(headSize) },
    grid: [heads, Math.ceil(rows / ownRows(tiling)), 1],
    block: 32 * tiling.warps,
    shared: sharedBytes(tiling, headSize, { own: 1, others: 2 }),
  };
}
