import { scratch } from '../../kernels/scratch.ts';
import { onWebGpu } from '../../kernels/webgpu/lowering.ts';

import { attentionBackwardOp, attentionOp, attentionSizes } from './attention.ts';
import { attentionBackward } from './backward.wgsl.ts';
import { attentionForward } from './kernel.wgsl.ts';
import * as onTensorCores from './tensorCores.wgsl.ts';
import { attentionBackward as attentionBackwardOnTensorCores } from './tensorCoresBackward.wgsl.ts';

export const attentionOnWebGpu = [
  onWebGpu(attentionOp, ({ inputs, outputs, attributes: { headSize } }, features) => {
    const sizes = attentionSizes(inputs.q, inputs.k, headSize);
    const forward = onTensorCores.suits(sizes, features) ? onTensorCores.attentionForward : attentionForward;
    return [forward({ ...inputs, ...outputs }, sizes)];
  }),
  onWebGpu(attentionBackwardOp, ({ inputs, outputs, attributes: { headSize } }, features) => {
    const sizes = attentionSizes(inputs.q, inputs.k, headSize);
    const tensors = { ...inputs, ...outputs, delta: scratch('delta', inputs.logSumExp.shape) };
    return onTensorCores.suits(sizes, features)
      ? attentionBackwardOnTensorCores(tensors, sizes)
      : attentionBackward(tensors, sizes);
  }),
];
