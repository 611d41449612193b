import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { sampleToken } from './kernel.wgsl.ts';
import { sampleOp } from './sample.ts';

/** On the CPU the host samples, which has the logits at hand. */
export const sampleOnWebGpu = [
  onWebGpu(sampleOp, ({ inputs, outputs }) => [sampleToken({ ...inputs, ...outputs })]),
];
