import type { Launch } from '../../kernels/cuda/launch.ts';
import { onCuda } from '../../kernels/cuda/lowering.ts';
import { sizeOf } from '../../program/shapes.ts';
import { columnsOfLane, type KeysOfQuery, overWarps, queryByWarp } from '../attention/kernel.cuda.ts';
import { poolElements, poolRow } from '../pages.cuda.ts';
import { pageSize, pageTypeOf, poolWidth } from '../pages.ts';
import { attendInChunks, suitsChunks } from './chunks.cuda.ts';
import { pagedAttentionOp, pagedSizes } from './pagedAttention.ts';
import { attendInTiles, runsOfTiles, suitsTiles } from './tiles.cuda.ts';

/** A row of queries with a head of a pool, without its step. */
const dotRows = `
template <typename T> __device__ inline float dotRows(const float* a, const T* b, unsigned size) {
  float sum = 0.f;
  for (unsigned c = 0; c < size; c += 4) sum += dot(*(const float4*)(a + c), loadFour(b + c));
  return sum;
}
`;

/**
 * A row's keys lie in the pages of its sequence. Few rows attend to chunks of keys; of many, runs of one sequence on tensor
 * cores, and others with a warp for each head of each.
 */
export const pagedAttentionOnCuda = [
  onCuda(pagedAttentionOp, ({ inputs, outputs, attributes: { headSize } }, features) => {
    const all = pagedSizes(inputs.q, inputs.k, inputs.pages, headSize);
    const { rows, ...sizes } = all;
    const sequences = sizeOf(inputs.pages, 0);
    const type = pageTypeOf(inputs.k);
    const count = rows * sizes.heads;
    const keyAt = (j: string) => `(size_t)poolRow(pages, maxPages, slot, ${j}) * stride + ofHead`;
    const keysOfQuery: KeysOfQuery = {
      keys: `const unsigned head = warp % heads, r = warp / heads, slot = slots[r], keys = positions[r] + 1;
  const unsigned stride = keyHeads * width, ofHead = head / (heads / keyHeads) * width;`,
      keyAt,
      ...(type === 'i8' ? { stepOf: (name, j) => `stepOf(${name} + ${keyAt(j)}, headSize)` } : {}),
      finish: '',
    };
    const launch = {
      kernel: `pagedAttention.${type}.${columnsOfLane(headSize)}`,
      functions: poolRow + poolElements + dotRows,
      tensors: { ...inputs, ...outputs },
      numbers: {
        ...{ ...sizes, count, width: poolWidth(type, 1, headSize) },
        scale: { f32: 1 / Math.sqrt(headSize) },
      },
    };
    const capacity = sizes.maxPages * pageSize;
    if (suitsChunks(count, features))
      return attendInChunks({ ...launch, keysOfQuery, headSize, count, capacity }, features);
    const single = (of: KeysOfQuery) => ({ body: queryByWarp(headSize, of), ...overWarps(count) });
    if (!suitsTiles(all, sequences, features)) return [{ ...launch, ...single(keysOfQuery) }];
    const tiles = attendInTiles(launch, all, sequences);
    if (sequences === 1) return [tiles];
    const skip = `${keysOfQuery.keys}
  if (isOfTiles(slots, rows, r)) return;`;
    const rest: Launch = {
      ...{ ...launch, ...single({ ...keysOfQuery, keys: skip }) },
      kernel: `${launch.kernel}.rest`,
      functions: launch.functions + runsOfTiles(headSize),
      numbers: { ...launch.numbers, rows },
    };
    return [tiles, rest];
  }),
];
