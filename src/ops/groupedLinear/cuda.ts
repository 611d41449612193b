import { onCuda } from '../../kernels/cuda/lowering.ts';
import { groupedLinearOp, groupOf } from './groupedLinear.ts';
import { groupedProduct, roundRows } from './kernel.cuda.ts';
import { roundedRows } from './roundedRows.ts';

export const groupedLinearOnCuda = [
  onCuda(groupedLinearOp, ({ inputs: { x, codes, scales, offsets, bias }, outputs: { y } }) => {
    const { q, units, unit } = roundedRows(x, groupOf(codes, scales));
    return [
      roundRows({ x, q, units, unit }),
      groupedProduct({ q, units, unit, codes, scales, offsets, bias, y }),
    ];
  }),
];
