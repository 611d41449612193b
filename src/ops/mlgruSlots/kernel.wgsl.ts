import type { Dispatch } from '../../kernels/webgpu/dispatch.ts';
import { startSumKernel } from '../../kernels/webgpu/startSum.wgsl.ts';
import { activations, elementKernel, overElements } from '../../kernels/webgpu/wgsl.ts';
import { widthOf } from '../../program/shapes.ts';
import type { Tensor } from '../../program/tensor.ts';

/**
 * xi, xf, h [rows, width], slots [rows], states and next [count, width], bounds [layers, width]. The invocation
 * of a slot's first row walks that slot's rows, one column of them; the invocations of the others have no work.
 */
export function mlgruSlotsForward(
  t: Record<'xi' | 'xf' | 'slots' | 'states' | 'h' | 'next', Tensor> & { bounds: Tensor | undefined },
  layer: number,
): Dispatch[] {
  const { states, ...tensors } = t;
  const width = widthOf(states);
  return [
    startSumKernel(t.next, states), // a copy onto itself where `next` is assigned to `states`
    {
      shader: 'mlgruSlots',
      code:
        activations +
        elementKernel(`
      let c = i % p.width;
      let slot = slots[i / p.width];
      if (i >= p.width && slots[i / p.width - 1u] == slot) { continue; }
      let bound = ${t.bounds ? 'bounds[p.layer * p.width + c]' : '0.0'};
      let stateAt = u32(slot) * p.width + c;
      var state = next[stateAt];
      for (var at = i; at < p.size && slots[at / p.width] == slot; at += p.width) {
        let f = bound + (1.0 - bound) * sigmoid(xf[at]);
        let x = xi[at];
        state = f * state + x * sigmoid(x) * (1.0 - f);
        h[at] = state;
      }
      next[stateAt] = state;`),
      tensors,
      numbers: { size: t.xi.size, width, layer },
      workgroups: overElements(t.xi.size),
    },
  ];
}
