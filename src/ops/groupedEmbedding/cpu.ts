import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { matrixArguments } from '../groupedLinear/cpu.ts';
import { groupedEmbeddingOp } from './groupedEmbedding.ts';

export const groupedEmbeddingOnCpu = [
  onCpu(groupedEmbeddingOp, ({ inputs: { ids, codes, scales, offsets }, outputs: { y } }) => [
    kernelCall('groupedEmbedding', { ids, y, ...matrixArguments(codes, scales), offsets, tokens: ids.size }),
  ]),
];
