import type { Tensor } from '../../program/tensor.ts';
import type { Dispatch } from './dispatch.ts';
import { groupSize, overRows, rowKernel } from './wgsl.ts';

/** Elements that justify another workgroup, and maximum number of workgroups. */
const minStretch = 4096;
const maxParts = 1024;

/** Number of parts in a sum over all elements of `x`; it depends on the size alone. */
export function sumParts(x: Tensor): number {
  return Math.min(Math.max(Math.ceil(x.size / minStretch), 1), maxParts);
}

/** parts[first + k] = the sum of `term` over part k of x; `term` is WGSL of element `i` of `x`. */
export function partialSums(shader: string, x: Tensor, term: string, parts: Tensor, first = 0): Dispatch {
  const rows = sumParts(x);
  const stretch = Math.ceil(x.size / rows);
  return {
    shader: `${shader}Parts`,
    code: rowKernel(
      stretch,
      `
    var sum = 0.0;
    let end = min((row + 1u) * p.stretch, p.size);
    for (var i = row * p.stretch + lane; i < end; i += lanes) { sum += ${term}; }
    let total = workgroupSum(sum, lane);
    if (lane == 0u) { parts[p.first + row] = total; }`,
    ),
    tensors: { x, parts },
    numbers: { rows, size: x.size, stretch, first },
    workgroups: overRows(rows),
  };
}

/** In a kernel of `lanes` invocations: the `total` of the `p.parts` elements of `parts`, in every invocation. */
export const totalOfParts = `
    var sum = 0.0;
    for (var i = lane; i < p.parts; i += lanes) { sum += parts[i]; }
    let total = workgroupSum(sum, lane);`;

/**
 * A kernel whose `body` computes element `i` of `p.size` after `first` has received the `total` of `parts`. Each
 * workgroup adds the parts by itself, which takes less time than another dispatch.
 */
export function elementKernelAfterSum(first: string, body: string): string {
  return `
const lanes = ${groupSize}u;

@compute @workgroup_size(lanes)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  ${totalOfParts}
  ${first}
  for (var i = id.x; i < p.size; i += groups.x * lanes) {
    ${body}
  }
}`;
}
