import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { groupedLinearOp, groupOf } from './groupedLinear.ts';
import { groupedProduct } from './product.wgsl.ts';
import { roundedRows } from './roundedRows.ts';
import { roundRows } from './rounding.wgsl.ts';

export const groupedLinearOnWebGpu = [
  onWebGpu(groupedLinearOp, ({ inputs: { x, codes, scales, offsets, bias }, outputs: { y } }) => {
    const { q, units, unit } = roundedRows(x, groupOf(codes, scales));
    return [
      roundRows({ x, q, units, unit }),
      groupedProduct({ q, units, unit, codes, scales, offsets, bias, y }),
    ];
  }),
];
