import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { sampleToken } from './kernel.wgsl.ts';
import { sampleOp } from './sample.ts';

export const sampleOnWebGpu = [
  onWebGpu(sampleOp, ({ inputs, outputs }) => sampleToken({ ...inputs, ...outputs })),
];
