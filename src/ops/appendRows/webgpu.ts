import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { appendRowsOp } from './appendRows.ts';
import { appendRows } from './kernel.wgsl.ts';

export const appendRowsOnWebGpu = [
  onWebGpu(appendRowsOp, ({ inputs: { rows, first }, outputs: { next } }) => [appendRows(rows, first, next)]),
];
