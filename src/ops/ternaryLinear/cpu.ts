import { byRows, type KernelCall, kernelCall, packedProduct } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { isOneRow, ternaryGradients } from '../bitLinear/cpu.ts';
import { paddedWidth, quantisedRows } from '../bitLinear/quantisedRows.ts';
import { ternaryLinearBackwardOp, ternaryLinearOp } from './ternaryLinear.ts';

export const ternaryLinearOnCpu = [
  onCpu(ternaryLinearOp, ({ inputs: { x, codes, scale }, outputs: { y } }) => {
    const sizes = { width: widthOf(x), stride: paddedWidth(x), out: sizeOf(codes, 0) };
    if (isOneRow(rowsOf(x), widthOf(x))) {
      return [packedProduct(kernelCall('ternaryLinearRow', { x, codes, scale, y, ...sizes }), sizes.out)];
    }
    const rows = quantisedRows(x);
    return [
      quantiseRows(x, rows),
      packedProduct(
        kernelCall('ternaryProduct', { ...rows, codes, scale, y, rows: rowsOf(x), ...sizes }),
        sizes.out,
      ),
    ];
  }),
  onCpu(ternaryLinearBackwardOp, ({ inputs, outputs: { dx, dWeight } }) => {
    const rows = quantisedRows(inputs.x);
    return [quantiseRows(inputs.x, rows), ...ternaryGradients({ ...inputs, ...rows, dy: dx, dWeight })];
  }),
];

function quantiseRows(x: Tensor, rows: ReturnType<typeof quantisedRows>): KernelCall {
  const sizes = { rows: rowsOf(x), width: widthOf(x), stride: paddedWidth(x) };
  return byRows({ ...kernelCall('quantiseRows', { x, ...rows, ...sizes }), prepares: true }, sizes.rows);
}
