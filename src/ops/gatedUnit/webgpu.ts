import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { gatedUnitBackwardOp, gatedUnitOp } from './gatedUnit.ts';
import { gatedUnitBackward, gatedUnitForward } from './kernel.wgsl.ts';

export const gatedUnitOnWebGpu = [
  onWebGpu(gatedUnitOp, ({ inputs: { g, u }, outputs: { y }, attributes: { activation } }) => [
    gatedUnitForward(activation, g, u, y),
  ]),
  onWebGpu(gatedUnitBackwardOp, ({ inputs, outputs, attributes: { activation } }) => [
    gatedUnitBackward(activation, { ...inputs, ...outputs }),
  ]),
];
