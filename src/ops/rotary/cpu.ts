import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { rotaryOp, rotaryTableOp, tableSizes, turnUnits } from './rotary.ts';

export const rotaryOnCpu = [
  onCpu(rotaryTableOp, ({ inputs: { positions }, outputs: { table }, attributes }) => {
    const { length, frequencies, magnitude } = attributes;
    const sizes = { length, half: frequencies.length, each: positions?.size === length ? 1 : 0 };
    return [kernelCall('rotaryTable', { positions, table, ...sizes, magnitude }, turnUnits(attributes))];
  }),
  onCpu(rotaryOp, ({ inputs: { x, table }, outputs: { y }, attributes: { direction } }) => {
    const sizes = { rows: rowsOf(x), width: widthOf(x), ...tableSizes(table) };
    return [kernelCall('rotary', { x, table, y, ...sizes, direction })];
  }),
];
