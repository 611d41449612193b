import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { fakeQuantiseGroupsOp, fakeQuantiseMatrixOp, fakeQuantiseRowsOp } from './fakeQuantise.ts';
import { fakeQuantiseGroups, fakeQuantiseMatrix, fakeQuantiseRows } from './kernel.wgsl.ts';

export const fakeQuantiseOnWebGpu = [
  onWebGpu(fakeQuantiseRowsOp, ({ inputs: { x }, outputs: { y } }) => [fakeQuantiseRows(x, y)]),
  onWebGpu(fakeQuantiseGroupsOp, ({ inputs: { x }, outputs: { y }, attributes: { group } }) => [
    fakeQuantiseGroups(x, y, group),
  ]),
  onWebGpu(fakeQuantiseMatrixOp, ({ inputs: { x }, outputs: { y } }) => fakeQuantiseMatrix(x, y)),
];
