import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import { widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/** next [capacity, width] gets rows [length, width] from row `first` [1] on; its other rows stay */
export function appendRows(rows: Tensor, first: Tensor, next: Tensor): Dispatch {
  return {
    shader: 'appendRows',
    code: elementKernel('next[u32(first[0]) * p.width + i] = rows[i];'),
    tensors: { rows, first, next },
    numbers: { size: rows.size, width: widthOf(rows) },
    workgroups: overElements(rows.size),
  };
}
