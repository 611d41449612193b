import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { overRows, rowKernel } from '../../kernels/webgpu/wgsl.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';
import { int8Row } from '../bitLinear/quantise.wgsl.ts';

/** x [rows, width]; q [rows, words·4] int8, four to a word, zero past `width`; step, sum [rows] */
export function quantiseRows(t: Record<'x' | 'q' | 'step' | 'sum', Tensor>): Dispatch {
  const [rows, width] = [rowsOf(t.x), widthOf(t.x)];
  return {
    shader: 'quantiseRows',
    code: rowKernel(
      width,
      `
    ${int8Row((x) => x)}`,
    ),
    tensors: { ...t },
    numbers: { rows, width, words: widthOf(t.q) / 4 },
    workgroups: overRows(rows),
  };
}
