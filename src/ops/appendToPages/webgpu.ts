import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { appendToPagesOp } from './appendToPages.ts';
import { appendToPages } from './kernel.wgsl.ts';

export const appendToPagesOnWebGpu = [
  onWebGpu(
    appendToPagesOp,
    ({ inputs: { pool: _, rows, ...paging }, outputs: { next }, attributes: { headSize } }) => [
      appendToPages(rows, headSize, paging, next),
    ],
  ),
];
