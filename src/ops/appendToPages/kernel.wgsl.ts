import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import { sizeOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import type { Paging } from '../pages.ts';
import { poolRow } from '../pages.wgsl.ts';

/** next [pages, pageSize, width] gets each of the rows at its place; its other rows stay */
export function appendToPages(rows: Tensor, paging: Paging, next: Tensor): Dispatch {
  return {
    shader: 'appendToPages',
    code: `
${poolRow}
${elementKernel(`
    let r = i / p.width;
    next[poolRow(u32(slots[r]), u32(positions[r])) * p.width + i % p.width] = rows[i];`)}`,
    tensors: { rows, ...paging, next },
    numbers: { size: rows.size, width: widthOf(rows), maxPages: sizeOf(paging.pages, 1) },
    workgroups: overElements(rows.size),
  };
}
