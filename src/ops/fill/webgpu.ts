import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { fillForward } from '../../kernels/webgpu/startSum.wgsl.ts';
import { fillOp } from './fill.ts';

export const fillOnWebGpu = [
  onWebGpu(fillOp, ({ outputs: { y }, attributes: { value } }) => [fillForward(y, value)]),
];
