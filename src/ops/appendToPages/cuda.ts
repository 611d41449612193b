import { onCuda } from '../../kernels/cuda/lowering.ts';
import { eachElement, overElements } from '../../kernels/cuda/shapes.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import { poolRow } from '../pages.cuda.ts';
import { appendToPagesOp } from './appendToPages.ts';

/** next, the pool's own memory, gets each of the rows at its place; its other rows stay. */
export const appendToPagesOnCuda = [
  onCuda(appendToPagesOp, ({ inputs: { rows, slots, positions, pages }, outputs: { next } }) => [
    {
      kernel: 'appendToPages',
      functions: poolRow,
      body: eachElement(`
    const unsigned r = i / width;
    next[(size_t)poolRow(pages, maxPages, slots[r], positions[r]) * width + i % width] = rows[i];`),
      tensors: { rows, slots, positions, pages, next },
      numbers: { size: rows.size, width: widthOf(rows), maxPages: sizeOf(pages, 1) },
      ...overElements(rows.size),
    },
  ]),
];
