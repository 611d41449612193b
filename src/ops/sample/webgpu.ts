import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { sampleToken } from './kernel.wgsl.ts';
import { sampleOp } from './sample.ts';

/** The CPU engine has none: its logits are in the host's memory, so the host samples. */
export const sampleOnWebGpu = [
  onWebGpu(sampleOp, ({ inputs, outputs }) => sampleToken({ ...inputs, ...outputs })),
];
