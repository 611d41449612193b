import { onCuda } from '../../kernels/cuda/lowering.ts';
import { sampleToken } from './kernel.cuda.ts';
import { sampleOp } from './sample.ts';

export const sampleOnCuda = [
  onCuda(sampleOp, ({ inputs, outputs }) => [sampleToken({ ...inputs, ...outputs })]),
];
