import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { sigmoidGateBackwardOp, sigmoidGateOp } from './sigmoidGate.ts';

export const sigmoidGateOnCpu = [
  onCpu(sigmoidGateOp, ({ inputs, outputs }) => [
    kernelCall('sigmoidGateForward', { ...inputs, ...outputs, size: inputs.x.size }),
  ]),
  onCpu(sigmoidGateBackwardOp, ({ inputs, outputs }) => [
    kernelCall('sigmoidGateBackward', { ...inputs, ...outputs, size: inputs.x.size }),
  ]),
];
