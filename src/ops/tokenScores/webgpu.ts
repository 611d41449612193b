import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { tokenScoresForward } from './kernel.wgsl.ts';
import { tokenScoresOp } from './tokenScores.ts';

export const tokenScoresOnWebGpu = [
  onWebGpu(tokenScoresOp, ({ inputs: { logits, labels }, outputs: { scores } }) => [
    tokenScoresForward(logits, labels, scores),
  ]),
];
