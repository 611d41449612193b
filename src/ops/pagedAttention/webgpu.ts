import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { byPage } from './byPage.wgsl.ts';
import { pagedAttentionOp, pagedSizes } from './pagedAttention.ts';
import { byTile, maxSingleRows } from './tilesOfRows.wgsl.ts';

export const pagedAttentionOnWebGpu = [
  onWebGpu(pagedAttentionOp, ({ inputs, outputs, attributes: { headSize } }, features) => {
    const sizes = pagedSizes(inputs.q, inputs.k, inputs.pages, headSize);
    const tensors = { ...inputs, ...outputs };
    if (sizes.rows <= maxSingleRows) return byPage(tensors, sizes, false);
    return [byTile(tensors, sizes, features), ...byPage(tensors, sizes, true)];
  }),
];
