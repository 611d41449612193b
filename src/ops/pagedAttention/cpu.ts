import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { byteSize } from '../../program/tensor.ts';
import { pagedAttentionOp, pagedSizes } from './pagedAttention.ts';

export const pagedAttentionOnCpu = [
  onCpu(pagedAttentionOp, ({ inputs, outputs, attributes: { headSize } }) => {
    const sizes = pagedSizes(inputs.q, inputs.k, inputs.pages, headSize);
    const elementBytes = byteSize(inputs.k.dtype, [1]);
    return [kernelCall('pagedAttention', { ...inputs, ...outputs, ...sizes, elementBytes })];
  }),
];
