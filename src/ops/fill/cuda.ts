import { onCuda } from '../../kernels/cuda/lowering.ts';
import { fillForward } from '../../kernels/cuda/sums.cuda.ts';
import { fillOp } from './fill.ts';

export const fillOnCuda = [
  onCuda(fillOp, ({ outputs: { y }, attributes: { value } }) => [fillForward(y, value)]),
];
