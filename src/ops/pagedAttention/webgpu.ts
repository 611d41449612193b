import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { pagedAttention } from './kernel.wgsl.ts';
import { pagedAttentionOp, pagedSizes } from './pagedAttention.ts';

export const pagedAttentionOnWebGpu = [
  onWebGpu(pagedAttentionOp, ({ inputs, outputs, attributes: { headSize } }) => {
    const sizes = pagedSizes(inputs.q, inputs.k, inputs.pages, headSize);
    return [pagedAttention({ ...inputs, ...outputs }, sizes)];
  }),
];
