import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import { appendToPagesOp } from './appendToPages.ts';

export const appendToPagesOnCpu = [
  onCpu(appendToPagesOp, ({ inputs: { pool: _, rows, ...paging }, outputs: { next } }) => {
    const sizes = { length: sizeOf(rows, 1), width: widthOf(rows), maxPages: sizeOf(paging.pages, 1) };
    return [kernelCall('appendToPages', { rows, ...paging, next, ...sizes })];
  }),
];
