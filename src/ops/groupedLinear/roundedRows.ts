import { scratch } from '../../kernels/scratch.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { blockSize } from './reference.ts';

/**
 * Scratch for the rows of x as int8, the units of their steps, sums of groups of weights, and what a unit is worth.
 * @param together rows that a kernel takes at a time, whole numbers of which there must be
 */
export function roundedRows(x: Tensor, group: number, together = 1) {
  const [rows, width] = [Math.ceil(rowsOf(x) / together) * together, widthOf(x)];
  return {
    q: scratch('q', [rows, width], 'i8'),
    units: scratch('units', [rows, Math.ceil(width / blockSize)], 'i32'),
    sums: scratch('sums', [rows, width / group], 'i32'),
    unit: scratch('unit', [rows]),
  };
}
