import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { rowsOf, sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { groupedLinearOp, groupOf } from './groupedLinear.ts';
import { type GroupedType, tileHeight } from './packed.ts';
import { roundedRows } from './roundedRows.ts';

/** A thread's memory holds one rounded row of at most this many columns: see row.as.ts. */
const maxRowWidth = 2 ** 16;

export const groupedLinearOnCpu = [
  onCpu(groupedLinearOp, ({ inputs: { x, codes, scales, offsets, bias }, outputs: { y } }) => {
    const [rows, width] = [rowsOf(x), widthOf(x)];
    const matrix = { ...matrixArguments(codes, scales), offsets, bias, y };
    if (rows === 1 && width <= maxRowWidth) return [kernelCall('groupedRow', { ...matrix, x })];
    const inPairs = tileHeight(codes.dtype as GroupedType) === 1 ? 0 : 1;
    const rounded = roundedRows(x, matrix.group, inPairs ? 2 : 1);
    return [
      kernelCall('roundRows', { x, ...rounded, rows, width, group: matrix.group, inPairs }),
      kernelCall('groupedProduct', { ...matrix, ...rounded, rows }),
    ];
  }),
];

/** Codes, as kernels number their types. */
const types = { ternary: 0, binary: 1, i8: 2, u4: 3 } as const;

/** What all kernels that read a grouped matrix take. */
export function matrixArguments(codes: Tensor, scales: Tensor) {
  return {
    codes,
    scales,
    width: widthOf(codes),
    group: groupOf(codes, scales),
    out: sizeOf(codes, 0),
    type: types[codes.dtype as GroupedType],
    halves: scales.dtype === 'f16' ? 1 : 0,
  };
}
