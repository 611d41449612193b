import { onCuda } from '../../kernels/cuda/lowering.ts';
import { columnsOfLane, type KeysOfQuery, overWarps, queryByWarp } from '../attention/kernel.cuda.ts';
import { poolElements, poolRow } from '../pages.cuda.ts';
import { pageSize, pageTypeOf, poolWidth } from '../pages.ts';
import { attendInChunks, suitsChunks } from './chunks.cuda.ts';
import { pagedAttentionOp, pagedSizes } from './pagedAttention.ts';

/** A row of queries with a head of a pool, without its step. */
const dotRows = `
template <typename T> __device__ inline float dotRows(const float* a, const T* b, unsigned size) {
  float sum = 0.f;
  for (unsigned c = 0; c < size; c += 4) sum += dot(*(const float4*)(a + c), loadFour(b + c));
  return sum;
}
`;

/** A row's keys lie in the pages of its sequence. Few rows attend to chunks of keys, many with a warp for each head of each. */
export const pagedAttentionOnCuda = [
  onCuda(pagedAttentionOp, ({ inputs, outputs, attributes: { headSize } }, features) => {
    const { rows, ...sizes } = pagedSizes(inputs.q, inputs.k, inputs.pages, headSize);
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
    return suitsChunks(count, features)
      ? attendInChunks({ ...launch, keysOfQuery, headSize, count, capacity }, features)
      : [{ ...launch, body: queryByWarp(headSize, keysOfQuery), ...overWarps(count) }];
  }),
];
