import { byRows, follower, kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import { addOp, columnSumOp } from './add.ts';

export const addOnCpu = [
  onCpu(addOp, ({ inputs: { a, b }, outputs: { y } }) => {
    const sizes = { rows: y.size / b.size, width: b.size, planes: 1 };
    // Of equal shapes, all rows are one, of which a share is whole rows.
    const rows = b.size === y.size ? rowsOf(y) : 1;
    const unit: number = rows > 1 ? widthOf(y) : 16;
    const call = kernelCall('addForward', { a, b, y, ...sizes, unit });
    return [y.size === widthOf(y) ? follower(call, y) : byRows(call, rows)];
  }),
  onCpu(columnSumOp, ({ inputs: { x, before }, outputs: { y } }) => [
    kernelCall('columnSum', { x, before, y, rows: rowsOf(x), width: widthOf(x) }),
  ]),
];
