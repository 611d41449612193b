import { onCuda } from '../../kernels/cuda/lowering.ts';
import { attentionBackwardOp, attentionOp, attentionSizes } from './attention.ts';
import { gradientOfKeys, gradientOfQueries } from './backward.cuda.ts';
import { suits } from './halfTiles.cuda.ts';
import { attentionForward } from './kernel.cuda.ts';
import * as onTensorCores from './tensorCores.cuda.ts';
import { attentionBackward as attentionBackwardOnTensorCores } from './tensorCoresBackward.cuda.ts';

export const attentionOnCuda = [
  onCuda(attentionOp, ({ inputs, outputs, attributes: { headSize } }, features) => {
    const sizes = attentionSizes(inputs.q, inputs.k, headSize);
    const tensors = { ...inputs, ...outputs };
    return suits(sizes, features)
      ? onTensorCores.attentionForward(tensors, sizes)
      : [attentionForward(tensors, sizes)];
  }),
  onCuda(attentionBackwardOp, ({ inputs, outputs, attributes: { headSize } }, features) => {
    const sizes = attentionSizes(inputs.q, inputs.k, headSize);
    if (suits(sizes, features)) return attentionBackwardOnTensorCores({ ...inputs, ...outputs }, sizes);
    return [
      gradientOfQueries({ ...inputs, dq: outputs.dq }, sizes),
      gradientOfKeys({ ...inputs, dk: outputs.dk, dv: outputs.dv }, sizes),
    ];
  }),
];
