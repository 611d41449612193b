import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { eachColumn, overRows, rowKernel } from '../../kernels/webgpu/wgsl.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/** Number of rows with a label among all rows of the mean, counted by a workgroup. */
const labelled = `
    var count = 0;
    for (var n = lane; n < p.counted; n += lanes) { count += select(0, 1, counted[n] >= 0); }
    count = workgroupCount(count, lane);`;

/** log Σ exp of each row of logits [rows, width] to logSums [rows], each row's loss to losses [rows], their mean to loss [1]. */
export function crossEntropyForward(
  t: Record<'logits' | 'labels' | 'counted' | 'logSums' | 'losses' | 'loss', Tensor>,
  weight: number,
): Dispatch[] {
  const { logits, labels, counted, logSums, losses, loss } = t;
  const [rows, width] = [rowsOf(logits), widthOf(logits)];
  return [
    {
      shader: 'crossEntropyRows',
      code: rowKernel(
        width,
        `
    var top = logits[row * p.width];
    ${eachColumn('top = max(top, logits[i]);')}
    top = workgroupMax(top, lane);
    var sum = 0.0;
    ${eachColumn('sum += exp(logits[i] - top);')}
    let logSum = top + log(workgroupSum(sum, lane));
    if (lane == 0u) {
      logSums[row] = logSum;
      let label = labels[row];
      if (label < 0) { losses[row] = 0.0; } else { losses[row] = logSum - logits[row * p.width + min(u32(label), p.width - 1u)]; }
    }`,
      ),
      tensors: { logits, labels, logSums, losses },
      numbers: { rows, width },
      workgroups: overRows(rows),
    },
    {
      shader: 'crossEntropyMean',
      code: rowKernel(
        rows,
        `
    var sum = 0.0;
    for (var n = lane; n < p.width; n += lanes) { sum += losses[n]; }
    sum = workgroupSum(sum, lane);
    ${labelled}
    if (lane == 0u) { loss[0] = select(0.0, sum * p.weight / f32(count), count > 0); }`,
      ),
      tensors: { losses, counted, loss },
      numbers: { rows: 1, width: rows, counted: counted.size, weight: { f32: weight } },
      workgroups: overRows(1),
    },
  ];
}

/** dLogits = dLoss · weight · (softmax − onehot(label)) / count; dLogits may be the memory of logits */
export function crossEntropyBackward(
  t: Record<'logits' | 'labels' | 'counted' | 'logSums' | 'dLoss' | 'dLogits', Tensor>,
  weight: number,
): Dispatch {
  const rows = rowsOf(t.logits);
  return {
    shader: 'crossEntropyBackward',
    code: rowKernel(
      widthOf(t.logits),
      `
    ${labelled}
    let label = labels[row];
    let scale = select(dLoss[0] * p.weight / f32(max(count, 1)), 0.0, label < 0);
    let logSum = logSums[row];
    ${eachColumn(`
      let onehot = select(0.0, 1.0, i32(c) == label);
      dLogits[i] = (exp(logits[i] - logSum) - onehot) * scale;`)}`,
    ),
    tensors: { ...t },
    numbers: { rows, width: widthOf(t.logits), counted: t.counted.size, weight: { f32: weight } },
    workgroups: overRows(rows),
  };
}
