import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { fakeQuantiseMatrixOp, fakeQuantiseRowsOp } from './fakeQuantise.ts';
import { fakeQuantiseMatrix, fakeQuantiseRows } from './kernel.wgsl.ts';

export const fakeQuantiseOnWebGpu = [
  onWebGpu(fakeQuantiseRowsOp, ({ inputs: { x }, outputs: { y } }) => [fakeQuantiseRows(x, y)]),
  onWebGpu(fakeQuantiseMatrixOp, ({ inputs: { x }, outputs: { y } }) => fakeQuantiseMatrix(x, y)),
];
