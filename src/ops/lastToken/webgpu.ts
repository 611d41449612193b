import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { lastTokenForward } from './kernel.wgsl.ts';
import { lastTokenOp } from './lastToken.ts';

export const lastTokenOnWebGpu = [
  onWebGpu(lastTokenOp, ({ inputs: { x }, outputs: { y } }) => [lastTokenForward(x, y)]),
];
