import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { embeddingBackwardOp, embeddingOp } from './embedding.ts';
import { embeddingBackward, embeddingForward } from './kernel.wgsl.ts';

export const embeddingOnWebGpu = [
  onWebGpu(embeddingOp, ({ inputs: { ids, table, scales }, outputs: { y } }) => [
    embeddingForward(ids, table, scales, y),
  ]),
  onWebGpu(embeddingBackwardOp, ({ inputs: { ids, dy, before }, outputs: { dTable } }) =>
    embeddingBackward({ ids, dy, dTable }, before),
  ),
];
