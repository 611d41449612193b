import { onWebGpu } from '../../kernels/webgpu/lowering.ts';
import { rowsOf } from '../../program/shapes.ts';
import { groupedLinearOp, groupOf } from './groupedLinear.ts';
import { rowByRow } from './product.wgsl.ts';
import { roundedRows } from './roundedRows.ts';
import { roundRows } from './rounding.wgsl.ts';
import { tilesOfRows } from './tiles.wgsl.ts';

/** Up to this many rows each walk the codes by themselves; more share them in tiles. */
const maxSingleRows = 8;

export const groupedLinearOnWebGpu = [
  onWebGpu(groupedLinearOp, ({ inputs: { x, codes, scales, bias }, outputs: { y } }) => {
    const { q, units, unit } = roundedRows(x, groupOf(codes, scales));
    const product = { q, units, unit, codes, scales, bias, y };
    const isFew = rowsOf(y) <= maxSingleRows;
    return [roundRows({ x, q, units, unit }), isFew ? rowByRow(product) : tilesOfRows(product)];
  }),
];
