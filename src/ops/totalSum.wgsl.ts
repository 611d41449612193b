import type { Dispatch } from '../program/op.ts';
import type { Tensor } from '../program/tensor.ts';
import { overRows, rowKernel, scratch } from './wgsl.ts';

/** Elements for which a workgroup of its own is worth while, and most workgroups. */
const leastStretch = 4096;
const mostParts = 1024;

export interface TotalSum {
  readonly shader: string;
  readonly x: Tensor;
  /** WGSL of the term of element `i` of `x`. */
  readonly term: string;
  /** WGSL of what becomes of the `total`, and the tensors and numbers that it needs. */
  readonly store: string;
  readonly tensors: Readonly<Record<string, Tensor | undefined>>;
  readonly numbers?: Dispatch['numbers'];
}

/** A sum over all elements of `x`, in two stages: stretches side by side, then their sums; always the same ones. */
export function totalSum(t: TotalSum): Dispatch[] {
  const { shader, x, term, store, tensors, numbers = {} } = t;
  const rows = Math.min(Math.max(Math.ceil(x.size / leastStretch), 1), mostParts);
  if (rows === 1) return [inOneStage(t)];
  const stretch = Math.ceil(x.size / rows);
  const parts = scratch(`${shader}.parts`, [rows]);
  return [
    {
      shader: `${shader}Parts`,
      code: rowKernel(
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
    },
    inOneStage({ shader: `${shader}Total`, x: parts, term: 'parts[i]', store, tensors, numbers }, 'parts'),
  ];
}

/** By one workgroup. */
function inOneStage({ shader, x, term, store, tensors, numbers }: TotalSum, name = 'x'): Dispatch {
  return {
    shader,
    code: rowKernel(
      x.size,
      `
    var sum = 0.0;
    for (var i = lane; i < p.size; i += lanes) { sum += ${term}; }
    let total = workgroupSum(sum, lane);
    if (lane == 0u) { ${store} }`,
    ),
    tensors: { [name]: x, ...tensors },
    numbers: { rows: 1, size: x.size, ...numbers },
    workgroups: overRows(1),
  };
}
