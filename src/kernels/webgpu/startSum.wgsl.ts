import type { Tensor } from '../../program/tensor.ts';
import type { Dispatch } from './dispatch.ts';
import { elementKernel, overElements } from './wgsl.ts';

/** y = value */
export function fillForward(y: Tensor, value: number): Dispatch {
  return {
    shader: 'fillForward',
    code: elementKernel('y[i] = p.value;'),
    tensors: { y },
    numbers: { size: y.size, value: { f32: value } },
    workgroups: overElements(y.size),
  };
}

/** y = before, or zeros: the start of a sum over several dispatches. */
export function startSumKernel(y: Tensor, before: Tensor | undefined): Dispatch {
  if (!before) return fillForward(y, 0);
  return {
    shader: 'startSum',
    code: elementKernel('y[i] = before[i];'),
    tensors: { y, before },
    numbers: { size: y.size },
    workgroups: overElements(y.size),
  };
}
