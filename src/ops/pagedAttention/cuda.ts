import { onCuda } from '../../kernels/cuda/lowering.ts';
import { columnsOfLane, heads, overWarps, queryByWarp } from '../attention/kernel.cuda.ts';
import { poolRow } from '../pages.cuda.ts';
import { pagedAttentionOp, pagedSizes } from './pagedAttention.ts';

/** A warp for each head of each row; a row's keys lie in the pages of its sequence. */
export const pagedAttentionOnCuda = [
  onCuda(pagedAttentionOp, ({ inputs, outputs, attributes: { headSize } }) => {
    const { rows, ...sizes } = pagedSizes(inputs.q, inputs.k, inputs.pages, headSize);
    const count = rows * sizes.heads;
    return [
      {
        kernel: `pagedAttention.${columnsOfLane(headSize)}`,
        functions: heads + poolRow,
        body: queryByWarp(headSize, {
          keys: `const unsigned head = warp % heads, r = warp / heads, slot = slots[r], keys = positions[r] + 1;
  const unsigned stride = keyHeads * headSize, ofHead = head / (heads / keyHeads) * headSize;`,
          keyAt: (j) => `(size_t)poolRow(pages, maxPages, slot, ${j}) * stride + ofHead`,
          finish: '',
        }),
        tensors: { ...inputs, ...outputs },
        numbers: { ...sizes, count, scale: { f32: 1 / Math.sqrt(headSize) } },
        ...overWarps(count),
      },
    ];
  }),
];
