import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { weightScaleParts } from '../bitLinear/cpu.ts';
import { fakeQuantiseGroupsOp, fakeQuantiseMatrixOp, fakeQuantiseRowsOp } from './fakeQuantise.ts';

export const fakeQuantiseOnCpu = [
  onCpu(fakeQuantiseRowsOp, ({ inputs: { x }, outputs: { y } }) => [
    kernelCall('fakeQuantiseRows', { x, y, rows: rowsOf(x), width: widthOf(x) }),
  ]),
  onCpu(fakeQuantiseGroupsOp, ({ inputs: { x }, outputs: { y }, attributes: { group } }) => [
    kernelCall('fakeQuantiseGroups', { x, y, rows: x.size / group, width: group }),
  ]),
  onCpu(fakeQuantiseMatrixOp, ({ inputs: { x: w }, outputs: { y } }) => {
    const { sums, parts, call } = weightScaleParts(w);
    return [call, kernelCall('fakeQuantiseMatrix', { w, sums, y, size: w.size, parts })];
  }),
];
