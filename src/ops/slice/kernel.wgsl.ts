import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import type { Tensor } from '../../program/tensor.ts';

/** y[i] = x[first + i] */
export function sliceForward(x: Tensor, y: Tensor, first: number): Dispatch {
  return {
    shader: 'sliceForward',
    code: elementKernel('y[i] = x[p.first + i];'),
    tensors: { x, y },
    numbers: { size: y.size, first },
    workgroups: overElements(y.size),
  };
}

/** dx = before + dy where the slice was, before elsewhere; dx may be the memory of before */
export function sliceBackward(dy: Tensor, before: Tensor | undefined, dx: Tensor, first: number): Dispatch {
  return {
    shader: 'sliceBackward',
    code: elementKernel(`
    var d = ${before ? 'before[i]' : '0.0'};
    if (i >= p.first && i - p.first < p.slice) { d += dy[i - p.first]; }
    dx[i] = d;`),
    tensors: { dy, before, dx },
    numbers: { size: dx.size, first, slice: dy.size },
    workgroups: overElements(dx.size),
  };
}
