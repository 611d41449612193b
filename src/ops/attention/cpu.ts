import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { attentionBackwardOp, attentionOp, attentionSizes } from './attention.ts';

export const attentionOnCpu = [
  onCpu(attentionOp, ({ inputs, outputs, attributes: { headSize } }) => {
    const sizes = attentionSizes(inputs.q, inputs.k, headSize);
    return [kernelCall('attentionForward', { ...inputs, ...outputs, ...sizes })];
  }),
  onCpu(attentionBackwardOp, ({ inputs, outputs, attributes: { headSize } }) => {
    const sizes = attentionSizes(inputs.q, inputs.k, headSize);
    return [kernelCall('attentionBackward', { ...inputs, ...outputs, ...sizes })];
  }),
];
