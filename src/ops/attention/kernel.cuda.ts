/**
 * Causal attention, a warp for each head of each query. Its lanes take 32 keys at a time: each lane the score of one
 * key, then each lane some columns of the sum of values. Scores are never stored: a tile's sum is scaled when a later tile
 * has a larger score.
 */
import type { Launch } from '../../kernels/cuda/launch.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { AttentionSizes } from './reference.ts';

/** Warps of a block. */
const warps = 4;

export const heads = `
__device__ inline float dotRows(const float* a, const float* b, unsigned size) {
  float sum = 0.f;
  for (unsigned c = 0; c < size; c += 4) sum += dot(*(const float4*)(a + c), *(const float4*)(b + c));
  return sum;
}
`;

/** Numbers of a kernel by the names under which bodies know them. */
export function attentionNumbers({ batch, length, heads: count, keyHeads, headSize }: AttentionSizes) {
  const numbers = { length, heads: count, keyHeads, headSize };
  return { ...numbers, count: batch * length * count, scale: { f32: 1 / Math.sqrt(headSize) } };
}

/** A warp for each of `count` items; `body` is in a scope that knows its `warp` (the item) and `lane`. */
export function overWarps(count: number): { grid: [number, number, number]; block: number } {
  return { grid: [Math.max(Math.ceil(count / warps), 1), 1, 1], block: 32 * warps };
}

export const warpOfItem = `
  const unsigned warp = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (warp >= count) return;`;

/** The query of item `warp`: its head, position and sequence, and the columns of keys that belong to it. */
export const placeOfQuery = `
  const unsigned head = warp % heads, t = warp / heads % length, b = warp / heads / length;
  const unsigned stride = keyHeads * headSize;
  const size_t firstKey = (size_t)b * length * stride + head / (heads / keyHeads) * headSize;`;

/** Most columns of a head that a lane sums. */
export const columnsOfLane = (headSize: number) => Math.ceil(headSize / 32);

/** How a warp finds the keys of its query. */
export interface KeysOfQuery {
  /** Declares `keys`, their number. */
  readonly keys: string;
  /** The element with which key j begins, in k and in v. */
  readonly keyAt: (j: string) => string;
  /** Factors of key and value j; none by default. */
  readonly stepOf?: (name: 'k' | 'v', j: string) => string;
  /** After y is written; `top` and `total` are in scope. */
  readonly finish: string;
}

/** The body of a kernel whose warps attend to the keys of one head of one query each. */
export function queryByWarp(headSize: number, { keys, keyAt, stepOf, finish }: KeysOfQuery): string {
  const columns = columnsOfLane(headSize);
  const times = (name: 'k' | 'v', j: string) => (stepOf ? ` * ${stepOf(name, j)}` : '');
  return `${warpOfItem}
  ${keys}
  const float* query = q + (size_t)warp * headSize;
  float sums[${columns}] = {}, top = -1e30f, total = 0.f;
  for (unsigned begin = 0; begin < keys; begin += 32) {
    const unsigned j = begin + lane;
    const float score = j < keys ? scale * dotRows(query, k + ${keyAt('j')}, headSize)${times('k', 'j')} : -1e30f;
    const float largest = fmaxf(top, warpMax(score)), shrink = expf(top - largest);
    const float p = j < keys ? expf(score - largest) : 0.f;
    top = largest;
    total = total * shrink + warpSum(p);
    for (int n = 0; n < ${columns}; n++) sums[n] *= shrink;
    for (unsigned other = 0; other < 32 && begin + other < keys; other++) {
      const auto* value = v + ${keyAt('(begin + other)')};
      const float weight = __shfl_sync(~0u, p, other)${times('v', '(begin + other)')};
      for (int n = 0; n < ${columns}; n++)
        if (lane + 32 * n < headSize) sums[n] += weight * toFloat(value[lane + 32 * n]);
    }
  }
  for (int n = 0; n < ${columns}; n++)
    if (lane + 32 * n < headSize) y[(size_t)warp * headSize + lane + 32 * n] = sums[n] / total;
  ${finish}`;
}

/** y and logSumExp of q [batch, length, heads · size] over k, v [batch, length, keyHeads · size]. */
export function attentionForward(
  t: Record<'q' | 'k' | 'v' | 'y' | 'logSumExp', Tensor>,
  sizes: AttentionSizes,
): Launch {
  const numbers = attentionNumbers(sizes);
  return {
    kernel: `attention.${columnsOfLane(sizes.headSize)}`,
    functions: heads,
    body: queryByWarp(sizes.headSize, {
      keys: `${placeOfQuery}
  const unsigned keys = t + 1;`,
      keyAt: (j) => `firstKey + (size_t)${j} * stride`,
      finish: 'if (lane == 0) logSumExp[warp] = top + logf(total);',
    }),
    tensors: { ...t },
    numbers,
    ...overWarps(numbers.count),
  };
}
