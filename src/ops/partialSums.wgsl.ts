import type { Dispatch } from '../program/op.ts';
import type { Tensor } from '../program/tensor.ts';
import { overRows, rowKernel, workgroupSum } from './wgsl.ts';

/** Elements for which a workgroup of its own is worth while. */
const leastStretch = 4096;

/** How many of the `parts` [n] a sum over `size` elements fills: always the same, whatever the device. */
export function partsOf(size: number, parts: Tensor): number {
  return Math.min(Math.max(Math.ceil(size / leastStretch), 1), parts.size);
}

/** parts [n]: sums of `term` over stretches of x [size], as many as `partsOf` says; a workgroup sums one. */
export function partialSums(shader: string, term: string, x: Tensor, parts: Tensor): Dispatch {
  const rows = partsOf(x.size, parts);
  const stretch = Math.ceil(x.size / rows);
  return {
    shader,
    code:
      workgroupSum +
      rowKernel(
        stretch,
        `
    var sum = 0.0;
    let end = min((row + 1u) * p.stretch, p.size);
    for (var i = row * p.stretch + lane; i < end; i += lanes) { sum += ${term}; }
    let total = workgroupSum(sum, lane);
    if (lane == 0u) { parts[row] = total; }`,
      ),
    tensors: { x, parts },
    numbers: { rows, size: x.size, stretch },
    workgroups: overRows(rows),
  };
}
