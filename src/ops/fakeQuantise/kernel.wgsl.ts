import { scratch } from '../../kernels/scratch.ts';
import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { elementKernelAfterSum, partialSums, sumParts } from '../../kernels/webgpu/sums.wgsl.ts';
import { eachColumn, overElements, overRows, rowKernel } from '../../kernels/webgpu/wgsl.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/** y = clamp(round(x·s), −128, 127) / s with s = 127 / max(max|x|, 1e-5) of the row; x, y [rows, width] */
export function fakeQuantiseRows(x: Tensor, y: Tensor): Dispatch {
  return {
    shader: 'fakeQuantiseRows',
    code: rowKernel(
      widthOf(x),
      `
    var top = 0.0;
    ${eachColumn('top = max(top, abs(x[i]));')}
    let largest = max(workgroupMax(top, lane), 1e-5);
    let s = 127.0 / largest;
    let step = largest / 127.0;
    ${eachColumn('y[i] = clamp(round(x[i] * s), -128.0, 127.0) * step;')}`,
    ),
    tensors: { x, y },
    numbers: { rows: rowsOf(x), width: widthOf(x) },
    workgroups: overRows(rowsOf(x)),
  };
}

/** y = clamp(round(w / t), −1, 1)·t with t = max(mean|w|, 1e-5); weight, y [out, width] */
export function fakeQuantiseMatrix(weight: Tensor, y: Tensor): Dispatch[] {
  const parts = scratch('weightScale.parts', [sumParts(weight)]);
  return [
    partialSums('weightScale', weight, 'abs(x[i])', parts),
    {
      shader: 'fakeQuantiseMatrix',
      // Rounding w / t to a ternary value is comparing |w| with t / 2; a tie goes to the even 0.
      code: elementKernelAfterSum(
        'let t = max(total / p.count, 1e-5);',
        'y[i] = select(0.0, t, weight[i] > 0.5 * t) - select(0.0, t, weight[i] < -0.5 * t);',
      ),
      tensors: { parts, weight, y },
      numbers: { size: y.size, parts: parts.size, count: { f32: weight.size } },
      workgroups: overElements(y.size),
    },
  ];
}

/** y = clamp(round(x / t), −1, 1)·t with t = max(mean|x|, 1e-5) of each group of neighbours */
export function fakeQuantiseGroups(x: Tensor, y: Tensor, group: number): Dispatch {
  const rows = x.size / group;
  return {
    shader: 'fakeQuantiseGroups',
    code: rowKernel(
      group,
      `
    var sum = 0.0;
    ${eachColumn('sum += abs(x[i]);')}
    let t = max(workgroupSum(sum, lane) / f32(p.width), 1e-5);
    ${eachColumn('y[i] = select(0.0, t, x[i] > 0.5 * t) - select(0.0, t, x[i] < -0.5 * t);')}`,
    ),
    tensors: { x, y },
    numbers: { rows, width: group },
    workgroups: overRows(rows),
  };
}
