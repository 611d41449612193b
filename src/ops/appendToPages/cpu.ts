import { kernelCall } from '../../kernels/cpu/kernelCall.ts';
import { onCpu } from '../../kernels/cpu/lowering.ts';
import { sizeOf } from '../../program/shapes.ts';
import { byteSize } from '../../program/tensor.ts';
import { pageTypeOf } from '../pages.ts';
import { appendSizes, appendToPagesOp } from './appendToPages.ts';

export const appendToPagesOnCpu = [
  onCpu(appendToPagesOp, ({ inputs: { pool, rows, ...paging }, outputs: { next }, attributes }) => {
    const sizes = {
      ...{ length: sizeOf(rows, 1), ...appendSizes(pool, attributes.headSize) },
      ...{ maxPages: sizeOf(paging.pages, 1), elementBytes: byteSize(pageTypeOf(pool), [1]) },
    };
    return [kernelCall('appendToPages', { rows, ...paging, next, ...sizes })];
  }),
];
