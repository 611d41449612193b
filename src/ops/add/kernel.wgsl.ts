import { columnSums } from '../../kernels/webgpu/columnSums.wgsl.ts';
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/** y = a + b; `b` has the shape of `a`, or is a row that is added to every row. */
export function addForward(a: Tensor, b: Tensor, y: Tensor): Dispatch {
  const repeats = b.size !== a.size;
  return {
    shader: 'addForward',
    code: elementKernel(`y[i] = a[i] + b[${repeats ? 'i % p.period' : 'i'}];`),
    tensors: { a, b, y },
    numbers: { size: y.size, period: b.size },
    workgroups: overElements(y.size),
  };
}

/** y [width] = before + Σ over rows of x [rows, width] */
export function columnSum(x: Tensor, before: Tensor | undefined, y: Tensor): Dispatch[] {
  const [rows, width] = [rowsOf(x), widthOf(x)];
  return columnSums({ shader: 'columnSum', rows, width, term: 'x[i]', tensors: { x }, y, before });
}
