import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { eachColumn, overRows, rowKernel } from '../../kernels/webgpu/wgsl.ts';
import { rowsOf, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/** logits [rows, width] and labels [rows] → scores [rows, 3]. A label is most probable if no entry comes before it. */
export function tokenScoresForward(logits: Tensor, labels: Tensor, scores: Tensor): Dispatch {
  const [rows, width] = [rowsOf(logits), widthOf(logits)];
  return {
    shader: 'tokenScores',
    code: rowKernel(
      width,
      `
    let label = min(u32(labels[row]), p.width - 1u);
    let own = logits[row * p.width + label];
    var top = own;
    var before = 0;
    ${eachColumn(`
      let x = logits[i];
      top = max(top, x);
      before += select(0, 1, x > own || (x == own && c < label));`)}
    top = workgroupMax(top, lane);
    before = workgroupCount(before, lane);
    var sum = 0.0;
    ${eachColumn('sum += exp(logits[i] - top);')}
    sum = workgroupSum(sum, lane);
    if (lane == 0u) {
      scores[row * 3u] = (own - top) - log(sum);
      scores[row * 3u + 1u] = 0.0;
      scores[row * 3u + 2u] = select(0.0, 1.0, before == 0);
    }`,
    ),
    tensors: { logits, labels, scores },
    numbers: { rows, width },
    workgroups: overRows(rows),
  };
}
