import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { weightScaleParts } from '../bitLinear/cpu.ts';
import { fakeQuantiseMatrixOp, fakeQuantiseRowsOp } from './fakeQuantise.ts';

export const fakeQuantiseOnCpu = [
  onCpu(fakeQuantiseRowsOp, ({ inputs: { x }, outputs: { y } }) => [
    kernelCall('fakeQuantiseRows', { x, y, rows: rowsOf(x), width: widthOf(x) }),
  ]),
  onCpu(fakeQuantiseMatrixOp, ({ inputs: { x: w }, outputs: { y } }) => {
    const { sums, parts, call } = weightScaleParts(w);
    return [call, kernelCall('fakeQuantiseMatrix', { w, sums, y, size: w.size, parts })];
  }),
];
