import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { sequenceSizes } from '../../program/shapes.ts';
import { lastTokenOp } from './lastToken.ts';

export const lastTokenOnCpu = [
  onCpu(lastTokenOp, ({ inputs: { x }, outputs: { y } }) => [
    kernelCall('lastToken', { x, y, ...sequenceSizes('lastToken', x) }),
  ]),
];
