import type { Dispatch } from '../program/op.ts';
import type { Tensor } from '../program/tensor.ts';
import { overRows, rowKernel, workgroupSum } from './wgsl.ts';

/** parts [n]: the sums of `term` over n stretches of x [size]; a workgroup sums one. */
export function partialSums(shader: string, term: string, x: Tensor, parts: Tensor): Dispatch {
  return {
    shader,
    code:
      workgroupSum +
      rowKernel(`
    var sum = 0.0;
    let end = min((row + 1u) * p.stretch, p.size);
    for (var i = row * p.stretch + lane; i < end; i += 256u) { sum += ${term}; }
    let total = workgroupSum(sum, lane);
    if (lane == 0u) { parts[row] = total; }`),
    tensors: { x, parts },
    numbers: { rows: parts.size, size: x.size, stretch: Math.ceil(x.size / parts.size) },
    workgroups: overRows(parts.size),
  };
}
