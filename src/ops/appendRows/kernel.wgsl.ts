import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import { widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/** Writes rows [length, width] into next [capacity, width] from row `first` [1] on; other rows keep their values. */
export function appendRows(rows: Tensor, first: Tensor, next: Tensor): Dispatch {
  return {
    shader: 'appendRows',
    code: elementKernel('next[u32(first[0]) * p.width + i] = rows[i];'),
    tensors: { rows, first, next },
    numbers: { size: rows.size, width: widthOf(rows) },
    workgroups: overElements(rows.size),
  };
}
