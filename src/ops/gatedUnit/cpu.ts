import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { gatedUnitBackwardOp, gatedUnitOp } from './gatedUnit.ts';

/** The kernels' numbers for activations. */
const kinds = { silu: 0, relu2: 1 } as const;

export const gatedUnitOnCpu = [
  onCpu(gatedUnitOp, ({ inputs, outputs, attributes: { activation } }) => [
    kernelCall('gatedUnitForward', {
      ...inputs,
      ...outputs,
      size: outputs.y.size,
      activation: kinds[activation],
    }),
  ]),
  onCpu(gatedUnitBackwardOp, ({ inputs, outputs, attributes: { activation } }) => [
    kernelCall('gatedUnitBackward', {
      ...inputs,
      ...outputs,
      size: inputs.dy.size,
      activation: kinds[activation],
    }),
  ]),
];
