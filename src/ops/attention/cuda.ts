import { onCuda } from '../../kernels/cuda/lowering.ts';
import { attentionBackwardOp, attentionOp, attentionSizes } from './attention.ts';
import { gradientOfKeys, gradientOfQueries } from './backward.cuda.ts';
import { attentionForward } from './kernel.cuda.ts';

export const attentionOnCuda = [
  onCuda(attentionOp, ({ inputs, outputs, attributes: { headSize } }) => [
    attentionForward({ ...inputs, ...outputs }, attentionSizes(inputs.q, inputs.k, headSize)),
  ]),
  onCuda(attentionBackwardOp, ({ inputs, outputs, attributes: { headSize } }) => {
    const sizes = attentionSizes(inputs.q, inputs.k, headSize);
    return [
      gradientOfQueries({ ...inputs, dq: outputs.dq }, sizes),
      gradientOfKeys({ ...inputs, dk: outputs.dk, dv: outputs.dv }, sizes),
    ];
  }),
];
