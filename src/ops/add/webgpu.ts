import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { addOp, columnSumOp } from './add.ts';
import { addForward, columnSum } from './kernel.wgsl.ts';

export const addOnWebGpu = [
  onWebGpu(addOp, ({ inputs: { a, b }, outputs: { y } }) => [addForward(a, b, y)]),
  onWebGpu(columnSumOp, ({ inputs: { x, before }, outputs: { y } }) => columnSum(x, before, y)),
];
