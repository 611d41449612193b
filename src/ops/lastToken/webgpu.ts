import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { lastTokenForward, lastTokenSlotsForward } from './kernel.wgsl.ts';
import { lastTokenOp, lastTokenSlotsOp } from './lastToken.ts';

export const lastTokenOnWebGpu = [
  onWebGpu(lastTokenOp, ({ inputs: { x }, outputs: { y } }) => [lastTokenForward(x, y)]),
  onWebGpu(lastTokenSlotsOp, ({ inputs, outputs }) => lastTokenSlotsForward({ ...inputs, ...outputs })),
];
