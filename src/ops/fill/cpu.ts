import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { fillOp } from './fill.ts';

export const fillOnCpu = [
  onCpu(fillOp, ({ outputs: { y }, attributes: { value } }) => [
    kernelCall('fillForward', { y, size: y.size, value }),
  ]),
];
