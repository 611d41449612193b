import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { startSumKernel } from '../../kernels/webgpu/startSum.wgsl.ts';
import { elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import { sequenceSizes, widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/** y [batch, width] = the last rows of x [batch, length, width] */
export function lastTokenForward(x: Tensor, y: Tensor): Dispatch {
  const { length, width } = sequenceSizes('lastToken', x);
  return {
    shader: 'lastToken',
    code: elementKernel(`
      let row = (i / p.width + 1u) * p.length - 1u;
      y[i] = x[row * p.width + i % p.width];`),
    tensors: { x, y },
    numbers: { size: y.size, length, width },
    workgroups: overElements(y.size),
  };
}

/** x [rows, width], slots [rows], before and next [count, 1, width]; `next` may be `before`. */
export function lastTokenSlotsForward(t: Record<'x' | 'slots' | 'before' | 'next', Tensor>): Dispatch[] {
  const { x, slots, before, next } = t;
  return [
    startSumKernel(next, before), // a copy onto itself where `next` is assigned to `before`
    {
      shader: 'lastTokenSlots',
      code: elementKernel(`
      let row = i / p.width;
      let slot = slots[row];
      if (i + p.width < p.size && slots[row + 1u] == slot) { continue; }
      next[u32(slot) * p.width + i % p.width] = x[i];`),
      tensors: { x, slots, next },
      numbers: { size: x.size, width: widthOf(x) },
      workgroups: overElements(x.size),
    },
  ];
}
