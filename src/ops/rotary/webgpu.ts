import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { rotary, rotaryTable } from './kernel.wgsl.ts';
import { rotaryOp, rotaryTableOp, turnUnits } from './rotary.ts';

export const rotaryOnWebGpu = [
  onWebGpu(rotaryTableOp, ({ inputs: { positions }, outputs: { table }, attributes }) => [
    rotaryTable(positions, table, turnUnits(attributes), attributes.magnitude),
  ]),
  onWebGpu(rotaryOp, ({ inputs: { x, table }, outputs: { y }, attributes: { direction } }) => [
    rotary(x, table, y, direction),
  ]),
];
